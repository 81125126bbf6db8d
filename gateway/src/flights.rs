//! One lookup at a time for each session.
//!
//! Many who ask for the same session at once make one lookup, as long as that gives
//! nobody an answer from before they asked. A lookup that was on its way when somebody
//! came may have been read before a revocation that was acknowledged before they came.
//! So there are two ways to share one:
//!
//! - Who came before it took off takes what it brings, also a failure: it was read
//!   after they asked.
//! - Who came while it was in the air waits for it, and takes what it brought only
//!   if it is now as good as any entry in memory (`session_cache`: ticket current,
//!   lease held). Otherwise they make the next lookup, all of them together.
//!
//! So nobody waits for more than two, and a store that hangs is asked by one.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::time::Instant;

/// Lookups on their way, by what they look for.
pub struct Flights<K, V> {
    lines: Mutex<HashMap<K, Arc<Line<V>>>>,
}

/// Those who ask for one thing. Who holds the lock is in the air.
struct Line<V> {
    landed: tokio::sync::Mutex<Option<Landed<V>>>,
}

struct Landed<V> {
    took_off: Instant,
    value: V,
}

/// What somebody who asked is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<V> {
    /// What they have looked up themselves.
    Own(V),
    /// What somebody else has.
    Shared(V),
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Self { lines: Mutex::default() }
    }
}

impl<K: Copy + Eq + Hash, V: Clone> Flights<K, V> {
    /// Looks something up with `fly`, or takes what another's lookup brings. May be
    /// dropped at any point: then the next in line flies.
    pub async fn take(
        &self,
        key: K,
        remembered: impl Fn() -> Option<V>,
        fly: impl AsyncFnOnce() -> V,
    ) -> Given<V> {
        let came = Instant::now();
        let place = Place { line: self.line(key), key, flights: self };
        let mut landed = place.line.landed.lock().await;
        if let Some(last) = landed.as_ref().filter(|last| last.took_off >= came) {
            return Given::Shared(last.value.clone());
        }
        if let Some(value) = remembered() {
            return Given::Shared(value);
        }
        let took_off = Instant::now();
        let value = fly().await;
        *landed = Some(Landed { took_off, value: value.clone() });
        Given::Own(value)
    }

    fn line(&self, key: K) -> Arc<Line<V>> {
        let fresh = || Arc::new(Line { landed: tokio::sync::Mutex::new(None) });
        Arc::clone(self.lines().entry(key).or_insert_with(fresh))
    }

    fn lines(&self) -> MutexGuard<'_, HashMap<K, Arc<Line<V>>>> {
        // A panic elsewhere cannot leave it half-changed.
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line. The last to leave takes the line away.
struct Place<'a, K: Copy + Eq + Hash, V: Clone> {
    line: Arc<Line<V>>,
    key: K,
    flights: &'a Flights<K, V>,
}

impl<K: Copy + Eq + Hash, V: Clone> Drop for Place<'_, K, V> {
    fn drop(&mut self) {
        let mut lines = self.flights.lines();
        // Ours and the map's; others come by way of the map, which we hold.
        if Arc::strong_count(&self.line) == 2 {
            lines.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use futures_util::future::{join, join_all};
    use proptest::prelude::*;
    use tokio::{sync::Semaphore, task::yield_now};

    use super::*;

    fn is_idle<K, V>(flights: &Flights<K, V>) -> bool {
        flights.lines.lock().expect("nobody panicked").is_empty()
    }

    #[tokio::test]
    async fn a_crowd_makes_one_lookup_when_what_it_brings_is_remembered() {
        let (flights, made) = (Flights::<u8, u64>::default(), AtomicU64::new(0));
        let memory = || Some(made.load(Ordering::SeqCst)).filter(|made| *made > 0);
        let look = || {
            flights.take(1, memory, async || {
                yield_now().await;
                made.fetch_add(1, Ordering::SeqCst) + 1
            })
        };
        let given = join_all((0..100).map(|_| look())).await;
        assert_eq!(made.load(Ordering::SeqCst), 1);
        assert_eq!(given.iter().filter(|given| **given == Given::Own(1)).count(), 1);
        assert_eq!(given.iter().filter(|given| **given == Given::Shared(1)).count(), 99);
        assert!(is_idle(&flights));
    }

    /// Without a memory (no lease) or with a failure: the one in the air, and one more
    /// for all who came meanwhile.
    #[tokio::test]
    async fn a_crowd_makes_two_lookups_when_nothing_is_remembered() {
        let (flights, made) = (Flights::<u8, Result<u64, u64>>::default(), AtomicU64::new(0));
        let look = || {
            flights.take(
                1,
                || None,
                async || {
                    yield_now().await;
                    Err(made.fetch_add(1, Ordering::SeqCst) + 1)
                },
            )
        };
        let given = join_all((0..100).map(|_| look())).await;
        assert_eq!(made.load(Ordering::SeqCst), 2);
        assert_eq!(given.iter().filter(|given| **given == Given::Shared(Err(2))).count(), 98);
        assert!(is_idle(&flights));
    }

    #[tokio::test]
    async fn who_leaves_in_the_air_leaves_the_next_to_fly() {
        let flights = Flights::<u8, u64>::default();
        let never = flights.take(1, || None, async || std::future::pending().await);
        let mut never = Box::pin(never);
        assert!(futures_util::poll!(&mut never).is_pending());
        let next = flights.take(1, || None, async || 2);
        let leave = async {
            yield_now().await;
            drop(never);
        };
        assert_eq!(join(next, leave).await.0, Given::Own(2));
        assert!(is_idle(&flights));
    }

    #[tokio::test]
    async fn others_do_not_wait() {
        let flights = Flights::<u8, u64>::default();
        let never = flights.take(1, || None, async || std::future::pending().await);
        let mut never = Box::pin(never);
        assert!(futures_util::poll!(&mut never).is_pending());
        assert_eq!(flights.take(2, || None, async || 2).await, Given::Own(2));
    }

    proptest! {
        /// However callers, answers and changes are interleaved: nobody is given a
        /// value that was overwritten before they asked.
        #[test]
        fn nobody_is_given_what_was_overwritten_before_they_asked(
            steps in proptest::collection::vec(0..4_u8, 1..60),
        ) {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.expect("a runtime").block_on(interleave(&steps));
        }
    }

    /// A store with one value that only grows, and a memory that is right: it holds what
    /// was read for as long as nothing has been written since.
    async fn interleave(steps: &[u8]) {
        let flights = Flights::<u8, u64>::default();
        let (stored, memory) = (AtomicU64::new(0), Mutex::new(None::<u64>));
        let answers = Semaphore::new(0);
        let ask = || async {
            let asked = stored.load(Ordering::SeqCst);
            let remembered = || {
                memory
                    .lock()
                    .expect("memory")
                    .filter(|value| *value == stored.load(Ordering::SeqCst))
            };
            let given = flights.take(1, remembered, async || {
                let value = stored.load(Ordering::SeqCst);
                answers.acquire().await.expect("open").forget();
                *memory.lock().expect("memory") = Some(value);
                value
            });
            let (Given::Own(value) | Given::Shared(value)) = given.await;
            assert!(value >= asked, "asked at {asked}, was given {value}");
        };
        let mut callers = Vec::new();
        for step in steps {
            match step {
                0 => callers.push(Box::pin(ask())),
                1 => drop(stored.fetch_add(1, Ordering::SeqCst)),
                2 => answers.add_permits(1),
                _ => callers.truncate(callers.len().saturating_sub(1)),
            }
            let mut waiting = Vec::new();
            for mut caller in callers {
                if futures_util::poll!(caller.as_mut()).is_pending() {
                    waiting.push(caller);
                }
            }
            callers = waiting;
        }
    }
}
