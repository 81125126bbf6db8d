//! Identifiers.
//!
//! Every kind of thing has an id type of its own, so a session's id cannot be
//! handed to a function that wants a user's. They are opaque text: ours are 32
//! letters and digits (contract 3.1), rows that came from elsewhere may differ.

use std::fmt;

use rand::CryptoRng;
use serde::{Deserialize, Serialize};

use crate::random;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        #[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
        pub struct $name(String);

        impl $name {
            /// A fresh id.
            pub fn mint(rng: &mut impl CryptoRng) -> Self {
                Self(random::text(rng, random::ALPHANUMERIC, 32))
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )+};
}

ids! {
    /// A person: the subject of everything we issue.
    UserId;
    /// One way in that belongs to a person: a password, a social identity.
    AccountId;
    /// Names one signed-in device. Fit to show and to log, for it opens nothing.
    SessionId;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_32_letters_and_digits_and_differ() {
        let (one, two) = (UserId::mint(&mut rand::rng()), UserId::mint(&mut rand::rng()));
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), 32);
        assert!(one.as_str().bytes().all(|byte| byte.is_ascii_alphanumeric()));
    }
}
