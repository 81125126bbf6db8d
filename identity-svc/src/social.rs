//! From a provider's word to a user here. The rules are in `model/social/linking.rs`; this
//! is what reads and writes for them. Whoever loses a race reads again and is judged anew.

use auth_types::{AccountId, Timestamp, UserId};
use contract::user::{User, UserSnapshot};
use service_kit::{Error, Fault, While};
use sqlx::{Postgres, Transaction};

use crate::{
    app::App,
    mailbox,
    model::{
        sign_up::Profile,
        social::{
            SocialFailure, SocialProfile,
            flow::Link,
            linking::{LinkOutcome, Resolution, SignUps, check_link, resolve},
            tokens::ProviderTokens,
        },
    },
    store::{
        social_accounts::{self, NewAccount},
        users,
    },
};

/// Races that are lost before one gives up.
const ATTEMPTS: u32 = 5;

/// Why there is no user, or no link.
#[derive(Debug)]
pub enum Stopped {
    Failed(SocialFailure),
    Refused(Error),
}

impl From<SocialFailure> for Stopped {
    fn from(failure: SocialFailure) -> Self {
        Self::Failed(failure)
    }
}

impl<E: Into<Error>> From<E> for Stopped {
    fn from(error: E) -> Self {
        Self::Refused(error.into())
    }
}

/// Who signs in.
#[derive(Debug)]
pub struct Found {
    pub user: UserSnapshot,
    pub is_new: bool,
}

/// The user an identity belongs to; one that there was, or a new one.
pub async fn find_user(
    app: &App,
    profile: &SocialProfile,
    tokens: &ProviderTokens,
    sign_ups: SignUps,
    now: Timestamp,
) -> Result<Found, Stopped> {
    for _ in 0..ATTEMPTS {
        let mut db = app.db.acquire().await.doing("looking for the owner of an identity")?;
        let owner =
            social_accounts::find_owner(&mut db, profile.provider, &profile.subject).await?;
        let namesake = match &profile.email {
            Some(email) => users::find_by_email(&mut *db, email).await?,
            None => None,
        };
        drop(db);
        let (account, owner) = owner.unzip();
        let found = match (resolve(profile, owner, namesake, sign_ups)?, account) {
            (Resolution::SignIn { user, proves_address }, Some(account)) => {
                sign_in(app, profile, tokens, (user, account), proves_address, now).await?
            }
            (Resolution::Link { user }, _) => link(app, profile, tokens, &user.user, now).await?,
            (Resolution::Create { .. }, _) => create(app, profile, tokens, now).await?,
            (Resolution::SignIn { .. }, None) => None,
        };
        if let Some(found) = found {
            return Ok(found);
        }
    }
    Err(lost_every_race())
}

fn lost_every_race() -> Stopped {
    let lost: Result<(), _> = Err("others kept changing the same user");
    match lost.doing("resolving an identity") {
        Ok(()) => SocialFailure::InternalServerError.into(),
        Err(fault) => fault.into(),
    }
}

async fn sign_in(
    app: &App,
    profile: &SocialProfile,
    tokens: &ProviderTokens,
    (user, account): (UserSnapshot, AccountId),
    proves_address: bool,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let id = &user.user.id;
    let mut tx = app.db.begin().await.doing("starting a social sign-in")?;
    let Some(current) = locked(&mut tx, id).await? else { return Ok(None) };
    let vouched = profile.email_verified && profile.email.as_ref() == Some(&current.user.email);
    let renewal = (tokens.clone(), vouched);
    if !social_accounts::renew(&mut tx, &app.token_sealer, (id, &account), renewal, now).await? {
        return Ok(None);
    }
    if !(proves_address && vouched && !current.user.email_verified) {
        tx.commit().await.doing("committing a social sign-in")?;
        return Ok(Some(Found { user: current, is_new: false }));
    }
    let proved = mailbox::by_provider(&mut tx, id, &account, now).await?;
    tx.commit().await.doing("committing a social sign-in")?;
    app.bell.ring();
    proved.sessions_end.keep(app).await?;
    Ok(Some(Found { user: proved.user, is_new: false }))
}

/// The user as they are, and stay until the transaction ends.
async fn locked(
    tx: &mut Transaction<'_, Postgres>,
    id: &UserId,
) -> Result<Option<UserSnapshot>, Fault> {
    users::lock(&mut **tx, id).await?;
    users::find_by_id(&mut **tx, id).await
}

/// Both sides have proved the address: the identity becomes the user's. Nothing comes of
/// it where that has changed since it was judged.
async fn link(
    app: &App,
    profile: &SocialProfile,
    tokens: &ProviderTokens,
    user: &User,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let mut tx = app.db.begin().await.doing("starting to link an identity")?;
    let current = locked(&mut tx, &user.id).await?;
    let current = current.filter(|current| {
        current.user.email_verified && profile.email.as_ref() == Some(&current.user.email)
    });
    let Some(current) = current else { return Ok(None) };
    if !add(app, &mut tx, profile, tokens, &user.id, now).await? {
        return Ok(None);
    }
    tx.commit().await.doing("linking an identity")?;
    tracing::info!(target: "security", { user.id = %user.id, provider = profile.provider.name() }, "an identity was linked by its proved address");
    Ok(Some(Found { user: current, is_new: false }))
}

async fn add(
    app: &App,
    tx: &mut Transaction<'_, Postgres>,
    profile: &SocialProfile,
    tokens: &ProviderTokens,
    user: &UserId,
    now: Timestamp,
) -> Result<bool, Fault> {
    let SocialProfile { provider, subject, email_verified, .. } = profile;
    let (provider, address_proved) = (*provider, *email_verified);
    let new = NewAccount { user, provider, subject, address_proved };
    social_accounts::insert(&mut **tx, &app.token_sealer, new, tokens, now).await
}

/// Of two who come at once with one identity, or with one address, one becomes a user; the
/// other is judged again.
async fn create(
    app: &App,
    profile: &SocialProfile,
    tokens: &ProviderTokens,
    now: Timestamp,
) -> Result<Option<Found>, Fault> {
    let Some(email) = profile.email.clone() else { return Ok(None) };
    let new = Profile { name: profile.name.clone(), email, image: profile.image.clone() };
    let mut user = new.into_user(now, &mut rand::rng());
    user.email_verified = profile.email_verified;
    let mut tx = app.db.begin().await.doing("starting a social sign-up")?;
    let Some(stored) = users::insert(&mut *tx, &user).await? else { return Ok(None) };
    if !add(app, &mut tx, profile, tokens, &user.id, now).await? {
        return Ok(None);
    }
    tx.commit().await.doing("committing a social sign-up")?;
    app.metrics.sign_ups.inc();
    tracing::info!(user.id = %user.id, provider = profile.provider.name(), "a user signed up by a social provider");
    Ok(Some(Found { user: stored, is_new: true }))
}

/// Adds an identity to somebody who is signed in.
pub async fn add_link(
    app: &App,
    profile: &SocialProfile,
    tokens: &ProviderTokens,
    asked: &Link,
    now: Timestamp,
) -> Result<(), Stopped> {
    let mut tx = app.db.begin().await.doing("starting to add an identity")?;
    let user = locked(&mut tx, &asked.user_id).await?;
    let user = user.ok_or(SocialFailure::UnableToLinkAccount)?;
    let owned = social_accounts::find_owner(&mut tx, profile.provider, &profile.subject).await?;
    let (account, owner) = owned.unzip();
    let owner = owner.map(|owner| owner.user.id);
    match (check_link(profile, &user.user, &asked.email, owner.as_ref())?, account) {
        (LinkOutcome::Known, Some(account)) => {
            let (whose, renewal) = ((&asked.user_id, &account), (tokens.clone(), true));
            social_accounts::renew(&mut tx, &app.token_sealer, whose, renewal, now).await?;
        }
        (LinkOutcome::New | LinkOutcome::Known, _) => {
            if !add(app, &mut tx, profile, tokens, &asked.user_id, now).await? {
                // Somebody was faster, and it was not this user: they hold its lock.
                return Err(SocialFailure::LinkedToDifferentUser.into());
            }
        }
    }
    tx.commit().await.doing("adding an identity")?;
    tracing::info!(target: "security", { user.id = %asked.user_id, provider = profile.provider.name() }, "an identity was linked in a session");
    Ok(())
}
