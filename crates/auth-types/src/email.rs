//! E-mail addresses.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An address in the one form we store and compare: lower case, and of the shape
/// that [`Email::parse`] takes.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
pub struct Email(String);

/// The text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Invalid email address")]
pub struct InvalidEmail;

impl Email {
    /// Longer than this is no deliverable address (RFC 5321, 4.5.3.1.3: 256 octets with `<>`).
    pub const MAX_BYTES: usize = 254;

    /// Takes what matches the expression of contract 4.1, which is ASCII only:
    /// `^(?:[A-Za-z0-9_'+\-]+\.)*[A-Za-z0-9_'+\-]*[A-Za-z0-9_+-]@(?:[A-Za-z0-9][A-Za-z0-9\-]*\.)+[A-Za-z]{2,}$`.
    /// Nothing is trimmed. Written out by hand because it is short and linear.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let (local, domain) = text.split_once('@').ok_or(InvalidEmail)?;
        let fits = text.len() <= Self::MAX_BYTES && is_local_part(local) && is_domain(domain);
        if fits { Ok(Self(text.to_ascii_lowercase())) } else { Err(InvalidEmail) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_local_part(local: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_'+-".contains(&byte);
    local.split('.').all(|part| !part.is_empty() && part.bytes().all(is_letter))
        && !local.ends_with('\'')
}

fn is_domain(domain: &str) -> bool {
    let Some((labels, top)) = domain.rsplit_once('.') else { return false };
    let is_label = |label: &str| {
        label.starts_with(|first: char| first.is_ascii_alphanumeric())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    labels.split('.').all(is_label)
        && top.len() >= 2
        && top.bytes().all(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn addresses_are_lower_case() {
        assert_eq!(
            Email::parse("Ann@Example.COM").map(|e| e.to_string()),
            Ok("ann@example.com".into())
        );
    }

    #[test]
    fn ordinary_addresses_are_taken() {
        for text in ["a@b.co", "o'neil@example.com", "a.b+c@x-y.example.org", "_@a1.io", "a-@b.co"]
        {
            assert!(Email::parse(text).is_ok(), "{text}");
        }
    }

    #[test]
    fn ambiguous_addresses_are_refused() {
        for text in [
            "",
            "@",
            "a@",
            "@b.co",
            "a@b",
            "a@b.c",
            " a@b.co",
            "a@b.co ",
            "a@b@c.co",
            "a..b@c.co",
            ".a@b.co",
            "a.@b.co",
            "a'@b.co",
            "é@b.co",
            "a@é.co",
            "a@-b.co",
            "a@b..co",
            "a@b.c0",
            "a\0@b.co",
            "a@b.co.",
            "a＠b.co",
            "\"a b\"@c.co",
            "a@[127.0.0.1]",
        ] {
            assert_eq!(Email::parse(text), Err(InvalidEmail), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_has_one_at_sign_and_no_control_character(text in ".{0,40}|[a-z'.@+]{1,12}@[a-z.-]{1,12}") {
            if let Ok(email) = Email::parse(&text) {
                prop_assert_eq!(email.as_str().matches('@').count(), 1);
                prop_assert!(email.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert_eq!(Email::parse(email.as_str()), Ok(email.clone()));
            }
        }
    }
}
