//! Waiting for a condition, never for a time.

use std::time::Duration;

use tokio::time::{Instant, interval};

/// Longest wait. Reached only when the test fails.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks until there is something; nothing when patience has ended.
pub async fn eventually<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> Option<T> {
    let deadline = Instant::now() + PATIENCE;
    let mut tick = interval(Duration::from_millis(50));
    while Instant::now() < deadline {
        tick.tick().await;
        if let Some(found) = ask().await {
            return Some(found);
        }
    }
    None
}

/// A pace for those who ask again and again.
#[must_use]
pub fn tick() -> tokio::time::Interval {
    interval(Duration::from_millis(50))
}
