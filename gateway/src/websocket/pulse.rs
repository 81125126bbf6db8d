//! Whether this process has been running all along.
//!
//! A process that was stopped goes on as if no time had passed. What it missed is
//! told to it a moment later; until then no socket may carry what its session may
//! have lost the right to.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until, timeout};

/// Pause between two beats.
pub const BEAT: Duration = Duration::from_millis(100);
/// Longer ones mean that the process was stopped.
const STOPPED: Duration = Duration::from_millis(500);
/// Longest wait for Redis to tell what was missed.
const CATCH_UP: Duration = Duration::from_secs(1);
/// How long it may take to act on what was told.
const SETTLE: Duration = Duration::from_millis(200);

pub struct Pulse {
    born: Instant,
    /// Milliseconds after `born`.
    beat_at: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { born: Instant::now(), beat_at: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// Returns once the process is known to have run all along.
    pub async fn beats(&self) {
        let mut looks = None;
        while self.has_stopped() {
            looks.get_or_insert_with(|| interval(BEAT)).tick().await;
        }
    }

    fn has_stopped(&self) -> bool {
        let beat_at = Duration::from_millis(self.beat_at.load(Ordering::Acquire));
        self.born.elapsed().saturating_sub(beat_at) > STOPPED
    }

    /// Beats for as long as it is polled. At every beat `is_current` says whether what
    /// Redis knows is known here.
    pub async fn beat(self: Arc<Self>, mut at_beat: impl FnMut(bool) -> bool) {
        let mut beats = interval(BEAT);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            beats.tick().await;
            let was_stopped = self.has_stopped();
            if !at_beat(was_stopped) && was_stopped {
                let current = async {
                    let mut looks = interval(BEAT / 10);
                    while !at_beat(false) {
                        looks.tick().await;
                    }
                };
                // Whoever cannot be reached is waited for elsewhere.
                if timeout(CATCH_UP, current).await.is_err() {
                    tracing::warn!("going on after a stop without word from Redis");
                }
            }
            if was_stopped {
                sleep_until(Instant::now() + SETTLE).await;
            }
            let now = u64::try_from(self.born.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.beat_at.store(now, Ordering::Release);
        }
    }
}
