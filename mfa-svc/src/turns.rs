//! Guesses at one challenge, or in one session, wait here for each other. They would do
//! so in Postgres too, but there each that waits holds a connection, and a flood of them
//! would keep everybody else from one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auth_types::TokenDigest;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard};

type Queues = HashMap<TokenDigest, Arc<AsyncMutex<()>>>;

#[derive(Clone, Default)]
pub struct Turns(Arc<Mutex<Queues>>);

/// Ends when it is dropped.
pub struct Turn {
    turns: Turns,
    whose: TokenDigest,
    held: Option<OwnedMutexGuard<()>>,
}

impl Turns {
    pub async fn wait(&self, whose: TokenDigest) -> Turn {
        let queue = Arc::clone(self.queues().entry(whose).or_default());
        // Made before the wait, so that who gives up waiting leaves nothing behind.
        let mut turn = Turn { turns: self.clone(), whose, held: None };
        turn.held = Some(queue.lock_owned().await);
        turn
    }

    fn queues(&self) -> MutexGuard<'_, Queues> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.held = None;
        let mut queues = self.turns.queues();
        // Nobody can join while we look, so the last one out removes the queue.
        if queues.get(&self.whose).is_some_and(|queue| Arc::strong_count(queue) == 1) {
            queues.remove(&self.whose);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn digest(byte: u8) -> TokenDigest {
        [byte; 32].into()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn one_at_a_time_and_nothing_is_left_behind() {
        let (turns, inside) = (Turns::default(), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..50)
            .map(|_| {
                let (turns, inside) = (turns.clone(), Arc::clone(&inside));
                tokio::spawn(async move {
                    let _turn = turns.wait(digest(1)).await;
                    assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0);
                    tokio::task::yield_now().await;
                    inside.fetch_sub(1, Ordering::SeqCst);
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("one at a time");
        }
        assert!(turns.queues().is_empty());
    }

    #[tokio::test]
    async fn who_gives_up_waiting_leaves_nothing_behind_and_others_do_not_wait() {
        let turns = Turns::default();
        let held = turns.wait(digest(1)).await;
        let waiting = tokio::spawn({
            let turns = turns.clone();
            async move { drop(turns.wait(digest(1)).await) }
        });
        tokio::task::yield_now().await;
        drop(turns.wait(digest(2)).await);
        waiting.abort();
        assert!(waiting.await.is_err());
        drop(held);
        assert!(turns.queues().is_empty());
    }
}
