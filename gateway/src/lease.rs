//! A span of time that ends by itself.

use std::sync::atomic::{AtomicU64, Ordering};

use contract::revocation::LEASE;
use tokio::time::Instant;

/// Held while a heartbeat that was sent less than [`LEASE`] ago has been answered, by
/// the monotonic clock: a path that is silent, or a process that was stopped for a
/// while, is a lease that has ended.
pub struct Lease {
    /// What instants are counted from.
    born: Instant,
    /// Milliseconds after `born` at which it ends.
    until: AtomicU64,
}

impl Default for Lease {
    fn default() -> Self {
        Self { born: Instant::now(), until: AtomicU64::new(0) }
    }
}

impl Lease {
    /// A heartbeat that was sent at this instant has been answered.
    pub fn confirm(&self, sent_at: Instant) {
        self.until.fetch_max(self.millis(sent_at + LEASE), Ordering::AcqRel);
    }

    /// Ends it now.
    pub fn end(&self) {
        self.until.store(0, Ordering::Release);
    }

    #[must_use]
    pub fn holds(&self, now: Instant) -> bool {
        self.millis(now) < self.until.load(Ordering::Acquire)
    }

    /// An instant as a heartbeat carries it.
    #[must_use]
    pub fn millis(&self, instant: Instant) -> u64 {
        u64::try_from((instant - self.born).as_millis()).unwrap_or(u64::MAX)
    }

    /// The instant that a heartbeat carried, unless it has not come yet.
    #[must_use]
    pub fn instant(&self, millis: u64) -> Option<Instant> {
        let instant = self.born.checked_add(std::time::Duration::from_millis(millis))?;
        (instant <= Instant::now()).then_some(instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_counts_from_when_the_heartbeat_was_sent() {
        let lease = Lease::default();
        let sent_at = Instant::now();
        tokio::time::advance(LEASE / 2).await;
        lease.confirm(sent_at);
        assert!(lease.holds(Instant::now()));
        tokio::time::advance(LEASE / 2).await;
        assert!(!lease.holds(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_comes_late_takes_nothing_away() {
        let lease = Lease::default();
        let early = Instant::now();
        tokio::time::advance(LEASE / 2).await;
        lease.confirm(Instant::now());
        lease.confirm(early);
        tokio::time::advance(LEASE / 2).await;
        assert!(lease.holds(Instant::now()));
        lease.end();
        assert!(!lease.holds(Instant::now()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_heartbeat_from_the_future_is_none_of_ours() {
        let lease = Lease::default();
        tokio::time::advance(LEASE).await;
        let now = Instant::now();
        assert_eq!(lease.instant(lease.millis(now)), Some(now));
        assert_eq!(lease.instant(lease.millis(now) + 1), None);
        assert_eq!(lease.instant(u64::MAX), None);
    }
}
