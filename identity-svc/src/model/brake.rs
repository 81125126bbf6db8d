//! How often a password may be guessed.
//!
//! Guesses are counted for each account, and within it for where they come from:
//!
//! - a browser that was trusted with the second factor,
//! - a network from which the right password was given before,
//! - a session of the account,
//! - anywhere else: strangers, all of them together.
//!
//! Ten wrong ones in a row lock that lane of the account for a quarter of an hour, each
//! further one for twice as long, up to a day; a right one ends the count. So strangers
//! lock out strangers, and the owner goes on where they are known. An address without an
//! account is counted and locked in the same way.

use std::time::Duration;

use auth_types::{DeviceToken, Email, Timestamp, TokenDigest, UserId};
use sha2::{Digest, Sha256};

/// Wrong guesses that are judged before the first lock.
pub const FREE_GUESSES: i32 = 10;
pub const FIRST_LOCK: Duration = Duration::from_mins(15);
pub const LONGEST_LOCK: Duration = Duration::from_hours(24);
/// A lane that nobody guesses in is forgotten after this long.
pub const MEMORY: Duration = Duration::from_hours(48);
/// A network is known for so long after the last right password from there.
pub const KNOWN_FOR: Duration = Duration::from_hours(90 * 24);
/// Networks remembered for a user.
pub const KNOWN_PLACES: i64 = 20;

/// Whose password is guessed. An account is one subject, however its address is spelt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    #[must_use]
    pub fn of_user(user: &UserId) -> Self {
        Self(format!("user {user}"))
    }

    /// An address, with its account if it has one.
    #[must_use]
    pub fn of_address(user: Option<&UserId>, email: &Email) -> Self {
        user.map_or_else(|| Self(format!("address {email}")), Self::of_user)
    }

    /// A network, as this subject's place.
    #[must_use]
    pub fn place(&self, network: &str) -> TokenDigest {
        digest(&["place", &self.0, network])
    }
}

/// What is counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lane {
    pub digest: TokenDigest,
    /// Whether it counts for the brake on all accounts together as well.
    pub of_strangers: bool,
}

impl Lane {
    #[must_use]
    pub fn of_strangers(subject: &Subject) -> Self {
        Self { digest: digest(&["strangers", &subject.0]), of_strangers: true }
    }

    #[must_use]
    pub fn of_device(subject: &Subject, device: &DeviceToken) -> Self {
        Self { digest: digest(&["device", &subject.0, device.expose()]), of_strangers: false }
    }

    #[must_use]
    pub fn of_place(place: TokenDigest) -> Self {
        Self { digest: place, of_strangers: false }
    }

    /// Whoever is signed in and asked for the password again.
    #[must_use]
    pub fn of_session(user: &UserId) -> Self {
        let subject = Subject::of_user(user);
        Self { digest: digest(&["session", &subject.0]), of_strangers: false }
    }
}

/// The parts have no NUL in them, so that two lists of them are never one text.
fn digest(parts: &[&str]) -> TokenDigest {
    let digest: [u8; 32] = Sha256::digest(parts.join("\0")).into();
    digest.into()
}

/// The minute of the brake on all accounts together, and what is left of it.
#[must_use]
pub fn minute(now: Timestamp) -> (i64, Duration) {
    let seconds = now.unix_seconds();
    let left = 60 - seconds.rem_euclid(60).unsigned_abs();
    (seconds.div_euclid(60), Duration::from_secs(left))
}

#[cfg(test)]
mod tests {
    use super::*;
    use auth_types::{Clock, SystemClock};

    fn email(text: &str) -> Email {
        Email::parse(text).expect("an address")
    }

    #[test]
    fn an_account_is_one_subject_however_its_address_is_spelt() {
        let user = UserId::from("u1".to_owned());
        let spelt = |text| Subject::of_address(Some(&user), &email(text));
        assert_eq!(spelt("Ada@Example.com"), spelt("ada@example.com"));
        assert_eq!(spelt("ada@example.com"), Subject::of_user(&user));
        let unknown = |text| Subject::of_address(None, &email(text));
        assert_eq!(unknown("Ada@Example.com"), unknown("ada@example.com"));
        assert_ne!(unknown("ada@example.com"), unknown("bob@example.com"));
    }

    #[test]
    fn lanes_are_apart() {
        let (one, other) = (
            Subject::of_user(&UserId::from("u1".to_owned())),
            Subject::of_user(&UserId::from("u2".to_owned())),
        );
        let lanes = [
            Lane::of_strangers(&one),
            Lane::of_strangers(&other),
            Lane::of_place(one.place("203.0.113.1")),
            Lane::of_place(one.place("203.0.113.2")),
            Lane::of_place(other.place("203.0.113.1")),
            Lane::of_session(&UserId::from("u1".to_owned())),
        ];
        for (at, lane) in lanes.iter().enumerate() {
            assert!(!lanes[..at].contains(lane), "{at}");
        }
    }

    #[test]
    fn a_minute_ends() {
        let (number, left) = minute(SystemClock.now());
        assert!(number > 28_000_000 && (1..=60).contains(&left.as_secs()));
    }
}
