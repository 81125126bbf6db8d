//! Do the machines' clocks agree?
//!
//! Codes of apps, sessions and assertions are judged by the clock of the machine they are
//! judged on, so a clock that is off refuses what is good or takes what is over. Each
//! service compares its own with Postgres', which is one for all of them.

use std::{
    sync::{Arc, atomic::AtomicU64},
    time::Duration,
};

use auth_types::{Clock, Timestamp};
use prometheus_client::metrics::gauge::Gauge;
use sqlx::PgPool;
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    fault::{Chain, Fault, While},
    kit::Kit,
};

const EVERY: Duration = Duration::from_mins(1);
/// A difference that somebody should do something about.
const ALARM_ABOVE_SECS: f64 = 5.0;

/// How far our clock is ahead.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Skew {
    /// Negative when it is behind.
    pub seconds: f64,
    /// Half the time that it took to ask: the truth is within so much of it.
    pub uncertainty_secs: f64,
}

impl Skew {
    /// `theirs` was read at some instant between the two.
    #[must_use]
    pub fn of(before: Timestamp, theirs: Timestamp, after: Timestamp) -> Self {
        let half = after.since(before).as_secs_f64() / 2.0;
        let ahead = before.since(theirs).as_secs_f64() - theirs.since(before).as_secs_f64();
        Self { seconds: ahead + half, uncertainty_secs: half }
    }

    /// Whether it is too much, however long the asking took.
    #[must_use]
    pub fn is_alarming(self) -> bool {
        self.seconds.abs() - self.uncertainty_secs > ALARM_ABOVE_SECS
    }
}

/// Compares the two clocks once.
pub async fn measure(db: &PgPool, clock: &dyn Clock) -> Result<Skew, Fault> {
    let before = clock.now();
    let theirs: Timestamp = sqlx::query_scalar("SELECT clock_timestamp()")
        .fetch_one(db)
        .await
        .doing("asking Postgres for the time")?;
    Ok(Skew::of(before, theirs, clock.now()))
}

/// Compares them every minute until the service stops: gauge `clock_skew_seconds`, and a
/// warning where they differ by more than five seconds.
pub fn start(db: PgPool, clock: Arc<dyn Clock>, kit: &mut Kit) {
    let gauge = Gauge::<f64, AtomicU64>::default();
    kit.registry().register(
        "clock_skew_seconds",
        "How far the clock here is ahead of Postgres'",
        gauge.clone(),
    );
    let stop = kit.shutdown().clone();
    kit.spawn(async move {
        let mut beat = interval(EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            match measure(&db, clock.as_ref()).await {
                Ok(skew) => {
                    gauge.set(skew.seconds);
                    if skew.is_alarming() {
                        tracing::warn!(clock.skew_secs = skew.seconds, "the clock here and Postgres' do not agree; codes and sessions are judged by ours");
                    }
                }
                Err(fault) => {
                    tracing::debug!(error = %Chain(&fault), "the clocks could not be compared yet");
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth_types::SystemClock;

    #[test]
    fn a_clock_is_ahead_or_behind_by_what_lies_between() {
        let theirs = SystemClock.now();
        let (second, ten) = (Duration::from_secs(1), Duration::from_secs(10));
        let ahead = Skew::of(theirs + ten, theirs, theirs + ten + second * 2);
        assert_eq!(ahead, Skew { seconds: 11.0, uncertainty_secs: 1.0 });
        let behind = Skew::of(theirs - ten, theirs, theirs - ten);
        assert_eq!(behind, Skew { seconds: -10.0, uncertainty_secs: 0.0 });
        assert!(ahead.is_alarming() && behind.is_alarming());
    }

    #[test]
    fn a_slow_answer_is_no_alarm() {
        let theirs = SystemClock.now();
        let (five, twenty) = (Duration::from_secs(5), Duration::from_secs(20));
        assert!(!Skew::of(theirs, theirs, theirs + twenty).is_alarming());
        assert!(!Skew::of(theirs - twenty, theirs, theirs).is_alarming());
        assert!(!Skew::of(theirs + five, theirs, theirs + five).is_alarming());
        let more = five + Duration::from_millis(1);
        assert!(Skew::of(theirs + more, theirs, theirs + more).is_alarming());
    }
}
