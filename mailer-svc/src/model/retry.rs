//! When to try again.

use std::time::Duration;

const FIRST: Duration = Duration::from_secs(2);
const LONGEST: Duration = Duration::from_mins(5);

/// How long to wait after the `attempt`th attempt, the first being 1: twice as
/// long each time. `luck`, from 0 to 1, spreads what failed together over the
/// second half of that time.
#[must_use]
pub fn delay(attempt: u32, luck: f64) -> Duration {
    let doubled = FIRST.saturating_mul(2_u32.saturating_pow(attempt.saturating_sub(1)));
    doubled.min(LONGEST).mul_f64(0.5 + luck.clamp(0.0, 1.0) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_twice_the_last_and_none_is_over_five_minutes() {
        assert_eq!(delay(1, 1.0), FIRST);
        assert_eq!(delay(2, 1.0), FIRST * 2);
        assert_eq!(delay(5, 1.0), FIRST * 16);
        assert_eq!(delay(u32::MAX, 1.0), LONGEST);
        assert_eq!(delay(0, 1.0), FIRST);
    }

    #[test]
    fn luck_spreads_over_the_second_half() {
        assert_eq!(delay(1, 0.0), FIRST / 2);
        assert_eq!(delay(20, 0.0), LONGEST / 2);
        assert_eq!(delay(1, 7.0), FIRST);
    }
}
