//! What the tests of one service stand on: real stores, and a clock that a test moves.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use auth_types::{Clock, Email, Roles, SystemClock, Timestamp, UserId};
use contract::user::{User, UserSnapshot};
use service_kit::Env;
use stack::{Options, Process, Stack};
use tempfile::TempDir;

/// A clock that stands still until it is moved.
pub struct ManualClock(Mutex<Timestamp>);

impl ManualClock {
    /// Stands at the present: stores have clocks of their own, which also look at
    /// expiries.
    #[must_use]
    pub fn at_present() -> Self {
        Self(Mutex::new(SystemClock.now()))
    }

    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *now = *now + by;
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody new, with an address that is proved and nothing else that is special.
#[must_use]
pub fn user(now: Timestamp) -> UserSnapshot {
    let id = UserId::mint(&mut rand::rng());
    let user = User {
        name: "Ann".into(),
        email: Email::parse(&format!("{id}@example.com")).expect("an address"),
        email_verified: true,
        image: None,
        created_at: now,
        updated_at: now,
        role: Roles::user(),
        banned: false,
        ban_reason: None,
        ban_expires: None,
        two_factor_enabled: false,
        id,
    };
    UserSnapshot { version: 1, user }
}

/// Postgres, Redis and NATS of a test's own. They end with it.
pub struct Stores {
    pub stack: Stack,
    _dir: TempDir,
}

impl Stores {
    pub async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let processes = Process::STORES.to_vec();
        let options = Options { quiet: true, processes, ..Options::new(dir.path()) };
        let stack =
            Stack::start(options).await.unwrap_or_else(|error| panic!("the stores: {error:#}"));
        Self { stack, _dir: dir }
    }

    /// What a service's configuration is read from.
    #[must_use]
    pub fn env(&self) -> Env {
        let urls = self.stack.urls();
        let values = [
            ("DATABASE_URL", urls.database_url.as_str()),
            ("REDIS_URL", urls.redis_url.as_str()),
            ("NATS_URL", urls.nats_url.as_str()),
            ("BETTER_AUTH_SECRET", "a-secret-for-tests-0123456789-abcdefghij"),
        ];
        Env::of(values.map(|(name, value)| (name.to_owned(), value.to_owned())))
    }
}
