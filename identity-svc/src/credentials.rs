//! The one place where a password is checked: counted first, then judged.
//!
//! Whatever route or service asks, it comes through here, so no route is a way around
//! the count (`model::brake` has the rules).

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use auth_types::{DeviceToken, Email, Timestamp, TokenDigest, UserId};
use contract::Refusal;
use secrecy::SecretString;
use service_kit::{Error, Fault, Kit, fault::Chain};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    app::App,
    metrics::Brake,
    model::{
        brake::{Lane, Subject, minute},
        password::PasswordHash,
    },
    store::guesses,
};

const PURGE_EVERY: Duration = Duration::from_mins(1);

/// The brake on all accounts together: so many wrong guesses of strangers in a minute.
#[derive(Clone)]
pub struct StrangersBrake {
    /// `None`: off.
    most: Option<i32>,
    /// The minute in which nothing is left, so that a flood does not ask Postgres.
    spent: Arc<AtomicI64>,
}

impl StrangersBrake {
    /// `most` guesses in a minute; 0 turns the brake off.
    #[must_use]
    pub fn new(most: u16) -> Self {
        Self { most: (most > 0).then(|| i32::from(most)), spent: Arc::new(AtomicI64::new(0)) }
    }
}

/// Who signs in, as far as it can be seen before the password is judged.
pub struct Caller<'a> {
    pub user: Option<&'a UserId>,
    pub email: &'a Email,
    /// From a cookie of ours that names this user.
    pub device: Option<&'a DeviceToken>,
    /// The caller's network; empty when it is not known.
    pub network: &'a str,
}

impl Caller<'_> {
    /// Where the guess is counted.
    pub async fn lane(&self, app: &App, now: Timestamp) -> Result<Lane, Fault> {
        let subject = Subject::of_address(self.user, self.email);
        if let Some(device) = self.device {
            return Ok(Lane::of_device(&subject, device));
        }
        let place = subject.place(self.network);
        // Asked also where there is no user, because the question takes time.
        let nobody = UserId::from(String::new());
        let user = self.user.unwrap_or(&nobody);
        let known = guesses::is_known(&app.db, user, place, now).await?;
        let is_owner = known && !self.network.is_empty();
        Ok(if is_owner { Lane::of_place(place) } else { Lane::of_strangers(&subject) })
    }

    /// The network that is to be remembered if the password is right.
    #[must_use]
    pub fn place(&self) -> Option<TokenDigest> {
        let subject = Subject::of_address(self.user, self.email);
        (!self.network.is_empty()).then(|| subject.place(self.network))
    }
}

/// Whether this is the password whose hash is `stored`. Without a hash it takes as long,
/// and is counted as well.
pub async fn check(
    app: &App,
    lane: Lane,
    password: SecretString,
    stored: Option<PasswordHash>,
    now: Timestamp,
) -> Result<bool, Error> {
    charge(app, lane, now).await?;
    match app.passwords.matches(password, stored).await {
        Ok(false) => Ok(false),
        Ok(true) => {
            guesses::clear(&app.db, lane.digest).await?;
            give_back(app, lane, now).await?;
            Ok(true)
        }
        Err(error) => {
            // A guess that was not judged was none.
            guesses::forgive(&app.db, lane.digest).await?;
            give_back(app, lane, now).await?;
            Err(error.into())
        }
    }
}

async fn charge(app: &App, lane: Lane, now: Timestamp) -> Result<(), Error> {
    // Read first, so that a flood at a locked lane does not queue up for its row.
    refuse_locked(app, lane, now).await?;
    if !guesses::charge(&app.db, lane.digest, now).await? {
        // Somebody else's guess has just locked it.
        refuse_locked(app, lane, now).await?;
        return Err(Error::Later(Refusal::TooManyGuesses, Duration::ZERO));
    }
    if !take_of_strangers(app, lane, now).await? {
        guesses::forgive(&app.db, lane.digest).await?;
        app.metrics.braked(Brake::Strangers);
        return Err(Error::Later(Refusal::TooManyGuesses, minute(now).1));
    }
    Ok(())
}

async fn refuse_locked(app: &App, lane: Lane, now: Timestamp) -> Result<(), Error> {
    let Some(left) = guesses::locked_for(&app.db, lane.digest, now).await? else { return Ok(()) };
    app.metrics.braked(Brake::Account);
    Err(Error::Later(Refusal::TooManyGuesses, left))
}

async fn take_of_strangers(app: &App, lane: Lane, now: Timestamp) -> Result<bool, Fault> {
    let Some(most) = app.strangers.most.filter(|_| lane.of_strangers) else { return Ok(true) };
    let (minute, _) = minute(now);
    if app.strangers.spent.load(Ordering::Relaxed) == minute {
        return Ok(false);
    }
    let taken = guesses::take_of_strangers(&app.db, minute, most).await?;
    if !taken && app.strangers.spent.swap(minute, Ordering::Relaxed) != minute {
        tracing::warn!(target: "security", most, "wrong passwords for many accounts: until the minute ends only known browsers and networks may sign in");
    }
    Ok(taken)
}

async fn give_back(app: &App, lane: Lane, now: Timestamp) -> Result<(), Fault> {
    if app.strangers.most.is_some() && lane.of_strangers {
        guesses::give_back_to_strangers(&app.db, minute(now).0).await?;
    }
    Ok(())
}

/// Deletes old guesses until the service stops.
pub fn start_purging(app: &App, kit: &Kit) {
    let (app, stop) = (app.clone(), kit.shutdown().clone());
    kit.spawn(async move {
        let mut beat = interval(PURGE_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            let now = app.clock.now();
            if let Err(fault) = guesses::purge(&app.db, minute(now).0, now).await {
                tracing::debug!(error = %Chain(&fault), "old guesses could not be deleted yet");
            }
        }
    });
}
