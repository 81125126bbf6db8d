//! Sessions in memory that can be revoked at once.
//!
//! Redis tells of every change to a session's key on the connection that reads them
//! (`service_kit::redis_link`), and session-svc tells of changes over NATS
//! (`revocations`). An entry is worth something only while all of this holds, looked at
//! every time it is used:
//!
//! - Its **ticket** is current. A ticket is taken before the copy is read; a change
//!   to any key of its slot, or the loss of the connection, makes a new one. So a
//!   copy that was read just before a change is worthless, in whatever order the
//!   copy and the word of the change arrive, and nothing needs to be removed.
//! - The **lease** of Redis runs. What changed before a heartbeat was answered has been
//!   told, so an entry outlives a change in Redis by less than the lease.
//! - The lease of NATS runs. session-svc waits for the word of every gateway that it
//!   has heard of lately; one that it cannot hear must not remember.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use auth_types::TokenDigest;
use bytes::Bytes;
use contract::session::LiveSession;
use quick_cache::sync::Cache;
use service_kit::redis_link::Observer;
use tokio::time::Instant;

use crate::{endings::Endings, lease::Lease};

/// An entry is read again after this long, whatever else holds.
const OLDEST: Duration = Duration::from_mins(1);
/// Changes bump one of so many generations. With fewer, a change would make more
/// entries worthless that it does not concern.
const SLOTS: usize = 1 << 14;

/// When a copy was read, in terms of what was known of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    epoch: u64,
    generation: u64,
}

/// A session in memory, with what is written of it once and sent often.
#[derive(Debug)]
pub struct Cached {
    pub live: LiveSession,
    written: OnceLock<Bytes>,
}

impl Cached {
    #[must_use]
    pub fn new(live: LiveSession) -> Arc<Self> {
        Arc::new(Self { live, written: OnceLock::new() })
    }

    /// The answer of get-session, made once. The token that it contains is the one
    /// whose digest led here, so it is the same for every caller.
    pub fn written<E>(&self, write: impl FnOnce() -> Result<Bytes, E>) -> Result<&Bytes, E> {
        match self.written.get() {
            Some(written) => Ok(written),
            None => write().map(|written| self.written.get_or_init(|| written)),
        }
    }
}

#[derive(Clone)]
struct Entry {
    ticket: Ticket,
    read_at: Instant,
    cached: Arc<Cached>,
}

pub struct SessionCache {
    entries: Cache<TokenDigest, Entry>,
    generations: Box<[AtomicU64]>,
    epoch: AtomicU64,
    pub redis: Lease,
    pub nats: Lease,
    endings: Arc<Endings>,
}

impl SessionCache {
    #[must_use]
    pub fn new(capacity: usize, endings: Arc<Endings>) -> Self {
        Self {
            endings,
            entries: Cache::new(capacity),
            generations: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            epoch: AtomicU64::new(0),
            redis: Lease::default(),
            nats: Lease::default(),
        }
    }

    /// To be taken before a copy is read.
    #[must_use]
    pub fn ticket(&self, digest: TokenDigest) -> Ticket {
        let generation = self.generations[slot(digest)].load(Ordering::Acquire);
        Ticket { epoch: self.epoch.load(Ordering::Acquire), generation }
    }

    /// The session, if what we know of it can be believed now.
    #[must_use]
    pub fn get(&self, digest: TokenDigest) -> Option<Arc<Cached>> {
        let entry = self.entries.get(&digest)?;
        let now = Instant::now();
        let current = entry.ticket == self.ticket(digest);
        let young = now - entry.read_at < OLDEST;
        (self.is_leased(now) && current && young).then_some(entry.cached)
    }

    /// Keeps what was read after the ticket was taken.
    pub fn fill(&self, digest: TokenDigest, ticket: Ticket, cached: Arc<Cached>) {
        if ticket == self.ticket(digest) {
            self.entries.insert(digest, Entry { ticket, read_at: Instant::now(), cached });
        }
    }

    /// A change that was heard of on another path.
    pub fn invalidate(&self, digest: TokenDigest) {
        self.generations[slot(digest)].fetch_add(1, Ordering::AcqRel);
    }

    fn forget_all(&self) {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.endings.suspect_all();
    }

    #[must_use]
    pub fn is_leased(&self, now: Instant) -> bool {
        self.redis.holds(now) && self.nats.holds(now)
    }
}

impl Observer for SessionCache {
    fn confirmed(&self, sent_at: Instant) {
        self.redis.confirm(sent_at);
    }

    fn changed(&self, key: Option<&[u8]>) {
        match key.and_then(digest_of) {
            Some(digest) => {
                self.invalidate(digest);
                self.endings.suspect(digest);
            }
            None => self.forget_all(),
        }
    }

    fn lost(&self) {
        self.redis.end();
        self.forget_all();
    }
}

fn digest_of(key: &[u8]) -> Option<TokenDigest> {
    contract::session_copy::digest_of(std::str::from_utf8(key).ok()?)
}

fn slot(digest: TokenDigest) -> usize {
    let [first, second, ..] = digest.as_bytes();
    usize::from(u16::from_le_bytes([*first, *second])) % SLOTS
}

#[cfg(test)]
mod tests {
    use contract::revocation::LEASE;

    use super::*;

    fn live() -> Arc<Cached> {
        let golden = include_str!("../../crates/contract/golden/session.v1.resolve.reply.json");
        let answer: contract::Answer<Option<LiveSession>> =
            serde_json::from_str(golden).expect("golden");
        let contract::Answer::Done(Some(live)) = answer else { panic!("a live session") };
        Cached::new(live)
    }

    fn digest() -> TokenDigest {
        TokenDigest::from([7; 32])
    }

    fn filled() -> SessionCache {
        let cache = leased();
        cache.fill(digest(), cache.ticket(digest()), live());
        cache
    }

    fn leased() -> SessionCache {
        let cache = SessionCache::new(10, Arc::default());
        cache.confirmed(Instant::now());
        cache.nats.confirm(Instant::now());
        cache
    }

    #[tokio::test(start_paused = true)]
    async fn an_entry_is_worth_nothing_once_a_lease_is_over() {
        let cache = filled();
        tokio::time::advance(LEASE / 2).await;
        assert!(cache.get(digest()).is_some());
        tokio::time::advance(LEASE / 2).await;
        assert!(cache.get(digest()).is_none());
        cache.confirmed(Instant::now());
        assert!(cache.get(digest()).is_none(), "one path is not enough");
        cache.nats.confirm(Instant::now());
        assert!(cache.get(digest()).is_some(), "nothing has changed, so it counts again");
    }

    #[test]
    fn a_change_makes_an_entry_worthless() {
        let cache = filled();
        let key = contract::session_copy::key(digest());
        cache.changed(Some(key.as_bytes()));
        assert!(cache.get(digest()).is_none());
    }

    #[test]
    fn a_copy_that_was_read_before_a_change_is_not_kept() {
        let cache = leased();
        let ticket = cache.ticket(digest());
        cache.invalidate(digest());
        cache.fill(digest(), ticket, live());
        assert!(cache.get(digest()).is_none());
    }

    #[test]
    fn after_a_lost_connection_or_a_flush_everything_is_read_again() {
        let cache = filled();
        cache.lost();
        cache.confirmed(Instant::now());
        assert!(cache.get(digest()).is_none());
        let cache = filled();
        cache.changed(None);
        assert!(cache.get(digest()).is_none());
    }
}
