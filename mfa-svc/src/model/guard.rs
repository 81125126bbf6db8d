//! How often an account may be guessed at.
//!
//! Ten wrong guesses lock a door for a quarter of an hour; after that, three lock it,
//! each time for five times as long. So who knows the password and guesses for a year has
//! 31 guesses; a code from an app is right with three in a million, which makes less than
//! one in ten thousand. A right guess, or a new password, opens the door again. Nobody
//! passes it who comes from a trusted device, so the owner is not kept out by others.

use std::time::Duration;

use auth_types::Timestamp;
use contract::Refusal;

const FIRST_ROUND: i32 = 10;
const LATER_ROUNDS: i32 = 3;
const FIRST_LOCK: Duration = Duration::from_mins(15);
const GROWTH: u32 = 5;
const LONGEST_LOCK: Duration = Duration::from_hours(365 * 24);

/// Where somebody guesses. Each is counted by itself: a stranger at the sign-in does not
/// lock out who is signed in, nor a thief of a session who signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A second factor, after the password.
    SignIn,
    /// A second factor, in a session.
    Session,
    /// The password, in a session.
    Password,
}

/// What was guessed at one door of an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Guard {
    pub failures: i32,
    pub lockouts: i32,
    pub locked_until: Option<Timestamp>,
}

impl Guard {
    /// Counts a guess as wrong before it is judged. With the last one that is allowed
    /// the lock begins; if that one turns out right, the count goes.
    pub fn charge(self, now: Timestamp) -> Result<Self, Refusal> {
        if self.locked_until.is_some_and(|until| now < until) {
            return Err(Refusal::AccountLocked);
        }
        let failures = self.failures + 1;
        let allowed = if self.lockouts == 0 { FIRST_ROUND } else { LATER_ROUNDS };
        if failures < allowed {
            return Ok(Self { failures, lockouts: self.lockouts, locked_until: None });
        }
        let until = now + lock(self.lockouts);
        Ok(Self {
            failures: 0,
            lockouts: self.lockouts.saturating_add(1),
            locked_until: Some(until),
        })
    }

    #[must_use]
    pub fn is_locked(&self, now: Timestamp) -> bool {
        self.locked_until.is_some_and(|until| now < until)
    }
}

fn lock(lockouts: i32) -> Duration {
    let factor = u32::try_from(lockouts).ok().and_then(|lockouts| GROWTH.checked_pow(lockouts));
    factor
        .and_then(|factor| FIRST_LOCK.checked_mul(factor))
        .map_or(LONGEST_LOCK, |lock| lock.min(LONGEST_LOCK))
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth_types::{Clock, SystemClock};

    #[test]
    fn the_eleventh_guess_in_a_row_is_not_judged_for_a_quarter_of_an_hour() {
        let now = SystemClock.now();
        let mut guard = Guard::default();
        for _ in 0..10 {
            guard = guard.charge(now).expect("judged");
        }
        assert_eq!(guard.charge(now), Err(Refusal::AccountLocked));
        assert_eq!(
            guard.charge(now + FIRST_LOCK - Duration::from_millis(1)),
            Err(Refusal::AccountLocked)
        );
        assert!(guard.charge(now + FIRST_LOCK).is_ok());
    }

    #[test]
    fn a_year_of_guessing_succeeds_with_less_than_one_in_ten_thousand() {
        let (began, mut guard, mut guesses) = (SystemClock.now(), Guard::default(), 0);
        let mut now = began;
        while now < began + Duration::from_hours(365 * 24) {
            match guard.charge(now) {
                Ok(charged) => (guard, guesses) = (charged, guesses + 1),
                Err(_) => now = guard.locked_until.expect("locked"),
            }
        }
        let chance = f64::from(guesses) * 3.0 / 1_000_000.0;
        assert!(chance < 1e-4, "{guesses} guesses a year: {chance}");
    }

    #[test]
    fn a_lock_has_an_end_however_often() {
        let now = SystemClock.now();
        let guard = Guard { failures: 2, lockouts: i32::MAX, locked_until: None };
        assert_eq!(guard.charge(now).expect("judged").locked_until, Some(now + LONGEST_LOCK));
    }
}
