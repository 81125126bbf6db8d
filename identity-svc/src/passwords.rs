//! Hashing passwords, away from everything else.
//!
//! bcrypt is slow on purpose. It runs on threads of its own, no more than there
//! are cores and at a lower priority than the rest, so that a flood of sign-ins
//! slows sign-ins and nothing else. The queue in front of them is bounded, and who
//! would wait too long is turned away at once.

use std::{
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use secrecy::SecretString;
use service_kit::{Error, Fault, PanelError, While};
use tokio::sync::oneshot;

use contract::{PanelRefusal, Refusal};

use crate::{
    config::PasswordConfig,
    hashing::{hash, verify},
    metrics::HashMetrics,
    model::password::{Format, NewPassword, PasswordHash},
};

/// A password that waited longer is not hashed any more.
const PATIENCE: Duration = Duration::from_secs(3);
/// Niceness of the hashing threads; 0 is normal, 19 the lowest priority.
const NICENESS: i32 = 10;

/// Why there is no answer about a password.
#[derive(Debug)]
pub enum HashError {
    /// Too many others are waiting.
    Busy,
    Broke(Fault),
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Refusal::TooBusy.into(),
            HashError::Broke(fault) => fault.into(),
        }
    }
}

impl From<HashError> for PanelError {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => PanelRefusal::Unavailable.into(),
            HashError::Broke(fault) => fault.into(),
        }
    }
}

/// The pool. Its threads end when the last clone is dropped.
#[derive(Clone)]
pub struct Passwords {
    jobs: Sender<Job>,
    cost: u32,
    /// The hash of a password that nobody knows, at our cost.
    decoy: Arc<PasswordHash>,
    metrics: HashMetrics,
}

struct Job {
    work: Box<dyn FnOnce() + Send>,
    begin_by: Instant,
}

impl Passwords {
    pub fn start(config: PasswordConfig, metrics: HashMetrics) -> Result<Self, Fault> {
        let (jobs, queue) = bounded(config.queue.get());
        for number in 0..config.threads.get() {
            let (queue, waiting) = (queue.clone(), metrics.waiting.clone());
            thread::Builder::new()
                .name(format!("bcrypt-{number}"))
                .spawn(move || hash_until_closed(&queue, &waiting))
                .doing("starting a thread that hashes")?;
        }
        let nobody_knows = SecretString::from(auth_types::random::text(
            &mut rand::rng(),
            auth_types::random::ALPHANUMERIC,
            32,
        ));
        let decoy = Arc::new(hash(&nobody_knows, config.cost)?);
        Ok(Self { jobs, cost: config.cost, decoy, metrics })
    }

    pub async fn hash(&self, password: NewPassword) -> Result<PasswordHash, HashError> {
        let cost = self.cost;
        self.run(move || hash(password.expose(), cost)).await
    }

    /// Does the same work whether or not there is a hash to check, so the time an
    /// answer takes does not tell who has an account.
    pub async fn matches(
        &self,
        password: SecretString,
        stored: Option<PasswordHash>,
    ) -> Result<bool, HashError> {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| self.decoy.as_ref().clone());
        let decoy = Arc::clone(&self.decoy);
        let matched = self.run(move || Ok(verify(&password, &stored, &decoy))).await?;
        Ok(matched && known)
    }

    /// Whether the hash should be made anew, now that its password is at hand.
    #[must_use]
    pub fn is_outdated(&self, stored: &PasswordHash) -> bool {
        !matches!(stored.format(), Some(Format::Bcrypt { cost }) if cost == self.cost)
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, HashError> {
        let (done, result) = oneshot::channel();
        let seconds = self.metrics.seconds.clone();
        let work = Box::new(move || {
            // Nobody waits any more when the caller has gone away.
            if !done.is_closed() {
                let began = Instant::now();
                let outcome = work();
                seconds.observe(began.elapsed().as_secs_f64());
                done.send(outcome).ok();
            }
        });
        self.metrics.waiting.inc();
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.jobs.try_send(Job { work, begin_by: Instant::now() + PATIENCE })
        {
            self.metrics.waiting.dec();
            self.metrics.turned_away.inc();
            return Err(HashError::Busy);
        }
        let Ok(outcome) = result.await else {
            // The job was dropped: its patience had ended before its turn came.
            self.metrics.turned_away.inc();
            return Err(HashError::Busy);
        };
        outcome.map_err(HashError::Broke)
    }
}

fn hash_until_closed(queue: &Receiver<Job>, waiting: &prometheus_client::metrics::gauge::Gauge) {
    // On Linux this lowers the calling thread only, not the process.
    if let Err(error) = rustix::process::setpriority_process(None, NICENESS) {
        tracing::warn!(%error, "the priority of a hashing thread could not be lowered");
    }
    for Job { work, begin_by } in queue {
        waiting.dec();
        if Instant::now() < begin_by {
            work();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::registry::Registry;
    use std::num::NonZeroUsize;

    fn pool(threads: usize, queue: usize) -> Passwords {
        let (threads, queue) = (NonZeroUsize::new(threads), NonZeroUsize::new(queue));
        let config = PasswordConfig {
            cost: 10,
            threads: threads.expect("some"),
            queue: queue.expect("some"),
        };
        let metrics = crate::metrics::Metrics::register(&mut Registry::default());
        Passwords::start(config, metrics.hash).expect("starts")
    }

    #[tokio::test]
    async fn a_password_matches_its_hash_and_nothing_matches_none() {
        let pool = pool(2, 8);
        let hash = pool
            .hash(NewPassword::check("correct horse".into()).expect("fit"))
            .await
            .expect("hashes");
        assert!(pool.matches("correct horse".into(), Some(hash.clone())).await.expect("verifies"));
        assert!(!pool.matches("wrong horse".into(), Some(hash)).await.expect("verifies"));
        assert!(!pool.matches("correct horse".into(), None).await.expect("verifies"));
    }

    #[test]
    fn only_a_hash_of_our_own_making_is_up_to_date() {
        let pool = pool(1, 1);
        let made_at = |cost| {
            PasswordHash::from(format!(
                "$2b${cost}$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
            ))
        };
        assert!(!pool.is_outdated(&made_at("10")));
        assert!(pool.is_outdated(&made_at("05")) && pool.is_outdated(&made_at("12")));
        assert!(pool.is_outdated(&"none".to_owned().into()));
    }

    #[tokio::test]
    async fn who_finds_the_queue_full_is_turned_away() {
        let pool = pool(1, 1);
        let ask = || pool.matches("password".into(), None);
        let (first, second, third) = tokio::join!(ask(), ask(), ask());
        let answers = [first, second, third];
        assert!(answers.iter().any(|answer| matches!(answer, Err(HashError::Busy))));
        assert!(answers.iter().any(|answer| matches!(answer, Ok(false))));
    }
}
