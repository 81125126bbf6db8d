//! Where the time comes from.
//!
//! The clock is read once at the door of each request; what is inside takes a
//! plain `now`, so nothing can expire halfway through and tests need not wait.

use crate::Timestamp;

/// A source of the current time.
pub trait Clock: Send + Sync + 'static {
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the door the time comes in by")]
    fn now(&self) -> Timestamp {
        time::OffsetDateTime::now_utc().into()
    }
}
