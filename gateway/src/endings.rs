//! Who is to be told when a session ends: whatever outlives the request that it was
//! judged for, such as a WebSocket.
//!
//! Watch first, then look the session up: what ends in between is told to the watch.
//!
//! Two paths lead here. A revocation that was broadcast ends its session at once. A
//! change that Redis tells of, and the loss of that connection, only make a session
//! suspect: it is read again, and if it does not stand it has ended. One that cannot
//! be read for [`UNSURE_FOR`], because everything that knows is away, counts as ended
//! too, for a reason of its own.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use auth_types::TokenDigest;
use futures_util::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{Notify, watch},
    time::{Instant, interval, timeout},
};

/// How long a suspect may go on while nobody can be asked. With the time it takes to
/// notice that Redis is gone, this stays below two seconds.
pub const UNSURE_FOR: Duration = Duration::from_secs(1);
/// Pause between two tries to read a suspect.
const RETRY: Duration = Duration::from_millis(100);
/// Suspects that are read at once.
const AT_ONCE: usize = 32;

/// Why a session's sockets are to close.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It was revoked, or is over.
    Over,
    /// Whether it stands cannot be found out.
    Unknown,
}

/// What is found out about a session that is watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    Ended(Ending),
    /// Something about it may have changed, but it stands.
    Stands,
}

/// The sessions that are watched.
#[derive(Default)]
pub struct Endings {
    watched: Mutex<HashMap<TokenDigest, watch::Sender<Option<Ending>>>>,
    suspects: Mutex<HashSet<TokenDigest>>,
    suspected: Notify,
}

/// Tells when one session ends, until it is dropped.
pub struct Watch {
    digest: TokenDigest,
    told: watch::Receiver<Option<Ending>>,
    endings: Arc<Endings>,
}

impl Watch {
    /// Returns when the session has ended; at once if it has already since the
    /// watch began. May be dropped and called again.
    pub async fn ended(&mut self) -> Ending {
        let told = self.told.wait_for(Option::is_some).await;
        told.ok().and_then(|ending| *ending).unwrap_or(Ending::Unknown)
    }
}

impl Watch {
    /// Returns whenever something has been found out since the last time. May be
    /// dropped and called again.
    pub async fn news(&mut self) -> News {
        if self.told.changed().await.is_err() {
            return News::Ended(Ending::Unknown);
        }
        self.told.borrow_and_update().map_or(News::Stands, News::Ended)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let mut watched = lock(&self.endings.watched);
        if self.told.borrow().is_some() {
            return; // and who is there now came later
        }
        // Ours is the last receiver: it goes only after this.
        if watched.get(&self.digest).is_some_and(|sender| sender.receiver_count() == 1) {
            watched.remove(&self.digest);
        }
    }
}

impl Endings {
    #[must_use]
    pub fn watch(self: &Arc<Self>, digest: TokenDigest) -> Watch {
        let mut watched = lock(&self.watched);
        let sender = watched.entry(digest).or_insert_with(|| watch::Sender::new(None));
        Watch { digest, told: sender.subscribe(), endings: Arc::clone(self) }
    }

    /// A session has ended. Whoever watches it from now on has to look it up.
    pub fn end(&self, digest: TokenDigest, ending: Ending) {
        if let Some(sender) = lock(&self.watched).remove(&digest) {
            sender.send_replace(Some(ending));
        }
    }

    fn tell_that_it_stands(&self, digest: TokenDigest) {
        if let Some(sender) = lock(&self.watched).get(&digest) {
            sender.send_replace(None);
        }
    }

    /// Something about a session has changed; it may have ended.
    pub fn suspect(&self, digest: TokenDigest) {
        if lock(&self.watched).contains_key(&digest) {
            lock(&self.suspects).insert(digest);
            self.suspected.notify_one();
        }
    }

    /// Changes may have been missed.
    pub fn suspect_all(&self) {
        let watched: Vec<_> = lock(&self.watched).keys().copied().collect();
        lock(&self.suspects).extend(watched);
        self.suspected.notify_one();
    }

    /// Reads suspects for as long as it is polled. `stands` says whether a session
    /// stands, and nothing when it cannot be found out now.
    pub async fn confirm<F: Future<Output = Option<bool>>>(
        &self,
        stands: impl Fn(TokenDigest) -> F,
    ) {
        let ask =
            async |digest| (digest, timeout(UNSURE_FOR, until_known(digest, &stands)).await.ok());
        let mut asking = FuturesUnordered::new();
        let mut waiting = HashSet::new();
        let mut known_at = Instant::now();
        loop {
            waiting.extend(lock(&self.suspects).drain());
            let seats = AT_ONCE.saturating_sub(asking.len());
            let next: Vec<_> = waiting.iter().copied().take(seats).collect();
            for digest in next {
                waiting.remove(&digest);
                asking.push(ask(digest));
            }
            tokio::select! {
                () = self.suspected.notified() => {}
                Some((digest, stands)) = asking.next() => {
                    match stands {
                        Some(true) => self.tell_that_it_stands(digest),
                        Some(false) => self.end(digest, Ending::Over),
                        None => self.end(digest, Ending::Unknown),
                    }
                    // A long queue is no reason to give up; that nobody is answered
                    // any more is one.
                    if stands.is_some() {
                        known_at = Instant::now();
                    } else if known_at.elapsed() >= UNSURE_FOR {
                        for digest in waiting.drain() {
                            self.end(digest, Ending::Unknown);
                        }
                    }
                }
            }
        }
    }
}

async fn until_known<F: Future<Output = Option<bool>>>(
    digest: TokenDigest,
    stands: impl Fn(TokenDigest) -> F,
) -> bool {
    let mut pace = interval(RETRY);
    loop {
        pace.tick().await;
        if let Some(stands) = stands(digest).await {
            return stands;
        }
    }
}

/// A panic elsewhere cannot leave these half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: [u8; 32] = [7; 32];

    fn watched() -> (Arc<Endings>, Watch) {
        let endings = Arc::new(Endings::default());
        let watch = endings.watch(DIGEST.into());
        (endings, watch)
    }

    /// What a suspect's watch is told when `answer` is the answer about it.
    async fn told_of_a_suspect(answer: Option<bool>) -> Option<Ending> {
        let (endings, mut watch) = watched();
        endings.suspect(DIGEST.into());
        let told = tokio::time::timeout(UNSURE_FOR * 2, watch.ended());
        tokio::select! {
            () = endings.confirm(|_| async move { answer }) => None,
            told = told => told.ok(),
        }
    }

    #[tokio::test]
    async fn everybody_who_watches_is_told_also_when_they_ask_late() {
        let (endings, mut one) = watched();
        let mut other = endings.watch(DIGEST.into());
        endings.end(DIGEST.into(), Ending::Over);
        assert_eq!((one.ended().await, other.ended().await), (Ending::Over, Ending::Over));
    }

    #[test]
    fn who_stops_watching_leaves_nothing_behind() {
        let (endings, one) = watched();
        let other = endings.watch(DIGEST.into());
        drop(one);
        assert_eq!(lock(&endings.watched).len(), 1);
        drop(other);
        assert!(lock(&endings.watched).is_empty());
        endings.suspect(DIGEST.into());
        assert!(lock(&endings.suspects).is_empty());
    }

    #[test]
    fn an_old_watch_does_not_take_a_new_one_with_it() {
        let (endings, old) = watched();
        endings.end(DIGEST.into(), Ending::Over);
        let _new = endings.watch(DIGEST.into());
        drop(old);
        assert_eq!(lock(&endings.watched).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_suspect_has_ended_when_it_does_not_stand_or_nobody_knows() {
        assert_eq!(told_of_a_suspect(Some(true)).await, None);
        assert_eq!(told_of_a_suspect(Some(false)).await, Some(Ending::Over));
        assert_eq!(told_of_a_suspect(None).await, Some(Ending::Unknown));
    }

    #[tokio::test]
    async fn a_suspect_that_stands_is_looked_at_again() {
        let (endings, mut watch) = watched();
        endings.suspect(DIGEST.into());
        let news = tokio::select! {
            () = endings.confirm(|_| async { Some(true) }) => None,
            news = watch.news() => Some(news),
        };
        assert_eq!(news, Some(News::Stands));
        endings.end(DIGEST.into(), Ending::Over);
        assert_eq!(watch.news().await, News::Ended(Ending::Over));
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_loss_all_are_suspect() {
        let (endings, mut watch) = watched();
        endings.suspect_all();
        tokio::select! {
            () = endings.confirm(|_| async { Some(false) }) => {}
            ending = watch.ended() => assert_eq!(ending, Ending::Over),
        }
    }
}
