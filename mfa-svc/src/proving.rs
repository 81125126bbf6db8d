//! Judging a code.
//!
//! ```text
//! one transaction: attempt charged ─▶ account charged ─▶ judged ─▶ used up ─▶ commit
//! ```
//!
//! The attempt is charged before the code is looked at, and what was charged stays held
//! until the end, so however many guesses arrive at once, they are judged one after the
//! other and no more of them than allowed. A right code is used up by the statement that
//! accepts it. Nothing else here decides what a code is worth.

use auth_types::Timestamp;
use contract::Refusal;
use service_kit::{Error, Fault, While, WithCookies};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{
    app::App,
    model::{code_digest::CodeDigests, factor::Factor},
    prover::Prover,
    store::{
        allowances::{self, Allowance},
        backup_codes, challenges, email_codes, guards,
        two_factors::{self, TwoFactor},
    },
};

/// Guesses of a session are as few as those of a challenge, in the same time.
const IN_SESSION: Allowance = Allowance { max: challenges::ATTEMPTS, window: challenges::LIFETIME };

/// The code was right. What follows from it is done in the transaction that used it up.
pub struct Proven {
    pub tx: Transaction<'static, Postgres>,
    pub factor: Factor,
    /// The app, if the code was of one.
    pub app: Option<TwoFactor>,
}

/// How a guess can end, apart from being right.
enum NotProven {
    Wrong,
    /// No attempt is left for it.
    Spent,
    Refused(Error),
}

impl<E: Into<Error>> From<E> for NotProven {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

pub async fn prove(
    app: &App,
    prover: &Prover,
    factor: Factor,
    code: &str,
    now: Timestamp,
) -> Result<Proven, WithCookies<Error>> {
    let mut tx = app.db.begin().await.doing("starting to judge a code")?;
    match judge(app, &mut tx, prover, factor, code, now).await {
        Ok(held) => {
            app.metrics.judged(factor, true);
            Ok(Proven { tx, factor, app: held })
        }
        Err(NotProven::Wrong) => {
            tx.commit().await.doing("counting a wrong code")?;
            app.metrics.judged(factor, false);
            tracing::info!(target: "security", { user.id = %prover.user_id(), ?factor }, "a wrong code was given");
            Err(prover.refuse(factor.wrong()))
        }
        Err(NotProven::Spent) => {
            let refusal = give_up(&mut tx, prover, factor, now).await?;
            tx.commit().await.doing("ending a challenge")?;
            Err(spent(app, prover, refusal))
        }
        // What was charged is taken back with the transaction.
        Err(NotProven::Refused(error)) => Err(prover.refuse(error)),
    }
}

async fn judge(
    app: &App,
    tx: &mut PgConnection,
    prover: &Prover,
    factor: Factor,
    code: &str,
    now: Timestamp,
) -> Result<Option<TwoFactor>, NotProven> {
    if !charge_attempt(tx, prover, now).await? {
        // Told before the code is: who is locked out learns that first.
        guards::check(&mut *tx, prover.user_id(), prover.door(), now).await?;
        return Err(NotProven::Spent);
    }
    let guard = guards::charge(tx, prover.user_id(), prover.door(), now).await?;
    if guard.is_locked(now) {
        app.metrics.lockouts.inc();
    }
    let held = match factor {
        Factor::Totp => Some(spend_totp(app, tx, prover, code, now).await?),
        Factor::EmailCode => {
            spend_email_code(&app.codes, tx, prover, code, now).await.map(|()| None)?
        }
        Factor::BackupCode => spend_backup_code(app, tx, prover, code).await.map(|()| None)?,
    };
    guards::clear(&mut *tx, prover.user_id(), prover.door()).await?;
    if matches!(prover, Prover::SignedIn(_)) {
        allowances::restore(&mut *tx, prover.scope().as_str()).await?;
    }
    Ok(held)
}

async fn charge_attempt(
    tx: &mut PgConnection,
    prover: &Prover,
    now: Timestamp,
) -> Result<bool, Fault> {
    match prover {
        Prover::HalfWay(half_way) => challenges::charge(tx, half_way.challenge.digest, now).await,
        Prover::SignedIn(_) => allowances::take(tx, prover.scope().as_str(), IN_SESSION, now).await,
    }
}

/// An app whose enrolment is not complete proves something in the session that enrols it,
/// and nowhere else.
async fn spend_totp(
    app: &App,
    tx: &mut PgConnection,
    prover: &Prover,
    code: &str,
    now: Timestamp,
) -> Result<TwoFactor, NotProven> {
    let user = prover.user_id();
    let held = two_factors::hold(&mut *tx, user).await?;
    let counts = |held: &TwoFactor| held.verified || matches!(prover, Prover::SignedIn(_));
    let held = held.filter(counts).ok_or(Refusal::TotpNotEnabled)?;
    let secret = app.sealer.open(user, &held.secret).doing("opening a secret")?;
    let step = secret.step_of(code, now).ok_or(NotProven::Wrong)?;
    if !two_factors::spend_step(&mut *tx, user, step).await? {
        return Err(NotProven::Wrong);
    }
    if app.sealer.is_outdated(&held.secret) {
        let resealed = app.sealer.seal(user, &secret, &mut rand::rng());
        two_factors::reseal(tx, user, &resealed).await?;
    }
    Ok(held)
}

async fn spend_email_code(
    codes: &CodeDigests,
    tx: &mut PgConnection,
    prover: &Prover,
    code: &str,
    now: Timestamp,
) -> Result<(), NotProven> {
    let scope = prover.scope();
    if !email_codes::is_open(&mut *tx, &scope, now).await? {
        return Err(Refusal::OtpHasExpired.into());
    }
    let digests = codes.all_of(scope.as_str(), code);
    let right = email_codes::consume(tx, &scope, &digests, now).await?;
    if right { Ok(()) } else { Err(NotProven::Wrong) }
}

/// Codes of an app that never was verified are none.
async fn spend_backup_code(
    app: &App,
    tx: &mut PgConnection,
    prover: &Prover,
    code: &str,
) -> Result<(), NotProven> {
    let user = prover.user_id();
    let held = two_factors::hold(&mut *tx, user).await?.filter(|held| held.verified);
    let held = held.ok_or(Refusal::BackupCodesNotEnabled)?;
    if let Some(imported) = &held.imported_backup_codes {
        let codes = app.better_auth.open_codes(imported).ok_or("no configured secret opens them");
        let codes = codes.doing("opening backup codes that were taken over")?;
        let digests: Vec<_> = codes.iter().map(|code| app.codes.of(user.as_str(), code)).collect();
        backup_codes::replace(&mut *tx, user, &digests).await?;
    }
    let digests = app.codes.all_of(user.as_str(), code);
    let right = backup_codes::consume(tx, user, &digests).await?;
    if right { Ok(()) } else { Err(NotProven::Wrong) }
}

/// Ends what no attempt is left for, and says what to answer.
async fn give_up(
    tx: &mut PgConnection,
    prover: &Prover,
    factor: Factor,
    now: Timestamp,
) -> Result<Refusal, Fault> {
    let scope = prover.scope();
    match prover {
        Prover::HalfWay(half_way) => {
            email_codes::delete(&mut *tx, &scope).await?;
            let ended = challenges::consume(tx, half_way.challenge.digest).await?;
            Ok(if ended { Refusal::TooManyAttempts } else { Refusal::InvalidTwoFactorCookie })
        }
        Prover::SignedIn(_) => {
            let was_open = email_codes::is_open(&mut *tx, &scope, now).await?;
            email_codes::delete(tx, &scope).await?;
            let expired = factor == Factor::EmailCode && !was_open;
            Ok(if expired { Refusal::OtpHasExpired } else { Refusal::TooManyAttempts })
        }
    }
}

fn spent(app: &App, prover: &Prover, refusal: Refusal) -> WithCookies<Error> {
    match prover {
        Prover::HalfWay(_) => {
            WithCookies(vec![app.deployment.cookies.clear_challenge()], refusal.into())
        }
        Prover::SignedIn(_) => prover.refuse(refusal),
    }
}
