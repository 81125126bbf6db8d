//! A crowd that does the same over and over, and how far each of it has come.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use e2e::eventually;

/// Rounds after which everybody has done everything since something happened: the one
/// under way and a whole one.
const ENOUGH: u64 = 2;

/// The rounds of a crowd.
#[derive(Default)]
pub(crate) struct Rounds(Vec<Arc<AtomicU64>>);

/// The rounds of one of them, who has left when it is dropped.
pub(crate) struct Round(Arc<AtomicU64>);

impl Round {
    /// How many are done.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// One more is done.
    pub(crate) fn complete(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Rounds {
    /// Of one more.
    pub(crate) fn begin(&mut self) -> Round {
        let round = Arc::default();
        self.0.push(Arc::clone(&round));
        Round(round)
    }

    /// Returns when everybody has done everything since now, or somebody has left. A busy
    /// machine takes its time for that; an error when nobody gets anything done.
    pub(crate) async fn go_on(&self) -> Result<(), String> {
        let wanted: Vec<_> = self.done().iter().map(|rounds| rounds + ENOUGH).collect();
        loop {
            let before = self.done();
            if before.iter().zip(&wanted).all(|(done, wanted)| done >= wanted) || self.is_one_gone()
            {
                return Ok(());
            }
            let progress = || async { (self.done() != before).then_some(()) };
            if eventually(progress).await.is_none() {
                return Err(format!("stuck at {before:?} of {wanted:?}"));
            }
        }
    }

    /// Of all together.
    pub(crate) fn total(&self) -> u64 {
        self.done().iter().sum()
    }

    fn done(&self) -> Vec<u64> {
        self.0.iter().map(|rounds| rounds.load(Ordering::Relaxed)).collect()
    }

    fn is_one_gone(&self) -> bool {
        self.0.iter().any(|rounds| Arc::strong_count(rounds) == 1)
    }
}
