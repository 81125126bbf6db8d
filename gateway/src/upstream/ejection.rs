//! Addresses at which requests fail are left out for a while: passive outlier ejection.
//!
//! After so many failures in a row an address is out. When its time is over, the next
//! failure puts it out again, for twice as long; one answer, and all is forgotten.

use std::{
    collections::HashMap,
    net::SocketAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::time::Instant;

use super::Outcome;
use crate::routes_file::EjectionConfig;

/// An address is out for at most so many times the configured time.
const LONGEST: u32 = 10;

#[derive(Debug, Default)]
struct Record {
    failures: u32,
    /// How often it was put out since it last answered.
    times: u32,
    out_until: Option<Instant>,
}

pub(super) struct Ejections {
    config: EjectionConfig,
    /// Whether anything is recorded: most of the time nothing is, and nobody needs
    /// the lock.
    troubled: AtomicBool,
    records: Mutex<HashMap<SocketAddr, Record>>,
}

impl Ejections {
    pub(super) fn new(config: EjectionConfig) -> Self {
        Self { config, troubled: AtomicBool::new(false), records: Mutex::default() }
    }

    pub(super) fn is_out(&self, address: SocketAddr, now: Instant) -> bool {
        self.troubled.load(Ordering::Relaxed)
            && self.records().get(&address).is_some_and(|record| record.is_out(now))
    }

    /// Whether the address is put out by this.
    pub(super) fn observe(&self, address: SocketAddr, outcome: Outcome, now: Instant) -> bool {
        match outcome {
            _ if self.config.failures == 0 => false,
            Outcome::Answered => {
                if self.troubled.load(Ordering::Relaxed) {
                    let mut records = self.records();
                    records.remove(&address);
                    self.troubled.store(!records.is_empty(), Ordering::Relaxed);
                }
                false
            }
            Outcome::Failed => {
                let mut records = self.records();
                self.troubled.store(true, Ordering::Relaxed);
                records.entry(address).or_default().fail(self.config, now)
            }
        }
    }

    fn records(&self) -> MutexGuard<'_, HashMap<SocketAddr, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    fn is_out(&self, now: Instant) -> bool {
        self.out_until.is_some_and(|until| now < until)
    }

    fn fail(&mut self, config: EjectionConfig, now: Instant) -> bool {
        // What was on its way when it was put out does not count again.
        if self.is_out(now) {
            return false;
        }
        self.failures = self.failures.saturating_add(1);
        if self.failures < config.failures {
            return false;
        }
        let factor = 2_u32.saturating_pow(self.times).min(LONGEST);
        self.times = self.times.saturating_add(1);
        self.out_until = Some(now + config.duration * factor);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const SECOND: Duration = Duration::from_secs(1);

    fn address(last: u8) -> SocketAddr {
        ([127, 0, 0, last], 80).into()
    }

    fn ejections() -> Ejections {
        Ejections::new(EjectionConfig { failures: 3, duration: 10 * SECOND })
    }

    #[test]
    fn three_failures_in_a_row_put_an_address_out_for_a_while() {
        let (ejections, now) = (ejections(), Instant::now());
        for _ in 0..2 {
            assert!(!ejections.observe(address(1), Outcome::Failed, now));
        }
        assert!(!ejections.is_out(address(1), now));
        assert!(ejections.observe(address(1), Outcome::Failed, now));
        assert!(ejections.is_out(address(1), now + 9 * SECOND));
        assert!(!ejections.is_out(address(2), now));
        assert!(!ejections.is_out(address(1), now + 10 * SECOND));
    }

    #[test]
    fn an_answer_in_between_starts_the_count_anew() {
        let (ejections, now) = (ejections(), Instant::now());
        for _ in 0..5 {
            ejections.observe(address(1), Outcome::Failed, now);
            ejections.observe(address(1), Outcome::Failed, now);
            ejections.observe(address(1), Outcome::Answered, now);
        }
        assert!(!ejections.is_out(address(1), now));
        assert!(!ejections.troubled.load(Ordering::Relaxed));
    }

    #[test]
    fn who_fails_again_at_once_is_out_for_longer_each_time_but_not_for_ever() {
        let (ejections, mut now) = (ejections(), Instant::now());
        for _ in 0..3 {
            ejections.observe(address(1), Outcome::Failed, now);
        }
        for (times, factor) in [2, 4, 8, 10, 10].into_iter().enumerate() {
            now += 100 * SECOND;
            assert!(ejections.observe(address(1), Outcome::Failed, now), "{times}");
            assert!(ejections.is_out(address(1), now + factor * 10 * SECOND - SECOND));
            assert!(!ejections.is_out(address(1), now + factor * 10 * SECOND));
        }
    }

    #[test]
    fn it_can_be_turned_off() {
        let ejections = Ejections::new(EjectionConfig { failures: 0, duration: SECOND });
        for _ in 0..100 {
            assert!(!ejections.observe(address(1), Outcome::Failed, Instant::now()));
        }
        assert!(!ejections.is_out(address(1), Instant::now()));
    }
}
