//! Waiting for somebody who is only being restarted.
//!
//! A service that is replaced by a newer one is away for a moment. A request that
//! finds nobody there has changed nothing, so it can be made again; doing that for a
//! moment hides a restart. A service that is gone for longer is an outage, which is
//! told at once.

use std::{
    collections::HashMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::time::Instant;

/// How long somebody may be away before asking again is given up.
pub const PATIENCE: Duration = Duration::from_secs(3);
/// Pause before asking again.
pub const PAUSE: Duration = Duration::from_millis(50);

/// Who is away, and since when.
#[derive(Debug, Default)]
pub struct Absences {
    /// Whether anybody is; most of the time nobody needs the lock.
    any: AtomicBool,
    since: Mutex<HashMap<&'static str, Instant>>,
}

impl Absences {
    /// Notes that nobody was there, and says whether it is worth asking again.
    pub fn is_short(&self, whom: &'static str) -> bool {
        let mut since = self.since();
        self.any.store(true, Ordering::Relaxed);
        since.entry(whom).or_insert_with(Instant::now).elapsed() < PATIENCE
    }

    /// Notes that somebody was there.
    pub fn over(&self, whom: &'static str) {
        if self.any.load(Ordering::Relaxed) {
            let mut since = self.since();
            since.remove(whom);
            self.any.store(!since.is_empty(), Ordering::Relaxed);
        }
    }

    fn since(&self) -> MutexGuard<'_, HashMap<&'static str, Instant>> {
        self.since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_absence_is_waited_out_once_and_then_known() {
        let absences = Absences::default();
        assert!(absences.is_short("identity-svc"));
        tokio::time::advance(PATIENCE).await;
        assert!(!absences.is_short("identity-svc"));
        assert!(absences.is_short("session-svc"), "of somebody else");
        absences.over("identity-svc");
        assert!(absences.is_short("identity-svc"), "away again");
    }
}
