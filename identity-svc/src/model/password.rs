//! Passwords: which ones may be set, and what is kept of them.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// Fewest characters of a new password, counted as JavaScript counts them.
const MIN_UTF16: usize = 8;
/// bcrypt looks at this many bytes. A longer password would be cut without a
/// word, and two that share them would be one.
const MAX_BYTES: usize = 72;
/// Longest password that is looked at when signing in, in UTF-16 units. Longer than
/// what may be set, because hashes made elsewhere may be of cut passwords.
const MAX_GIVEN_UTF16: usize = 128;

/// A password that may be set.
#[derive(Debug)]
pub struct NewPassword(SecretString);

/// Why a password may not be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    TooShort,
    TooLong,
    HasNul,
}

impl NewPassword {
    pub fn check(password: String) -> Result<Self, Unfit> {
        let (utf16, bytes) = (password.encode_utf16().count(), password.len());
        let has_nul = password.contains('\0');
        let password = SecretString::from(password);
        match () {
            () if utf16 < MIN_UTF16 => Err(Unfit::TooShort),
            () if bytes > MAX_BYTES => Err(Unfit::TooLong),
            () if has_nul => Err(Unfit::HasNul),
            () => Ok(Self(password)),
        }
    }

    #[must_use]
    pub fn expose(&self) -> &SecretString {
        &self.0
    }
}

/// Whether a password is short enough to be looked at when signing in.
#[must_use]
pub fn is_plausible(password: &SecretString) -> bool {
    password.expose_secret().encode_utf16().count() <= MAX_GIVEN_UTF16
}

/// A password's hash as the database keeps it.
#[derive(Clone, sqlx::Type)]
#[sqlx(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<String> for PasswordHash {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unfit(password: &str) -> Option<Unfit> {
        NewPassword::check(password.into()).err()
    }

    #[test]
    fn length_is_counted_in_utf16_below_and_in_bytes_above() {
        assert_eq!(unfit("1234567"), Some(Unfit::TooShort));
        assert_eq!(unfit("😀😀😀😀"), None);
        assert_eq!(unfit(&"a".repeat(72)), None);
        assert_eq!(unfit(&"a".repeat(73)), Some(Unfit::TooLong));
        assert_eq!(unfit(&"é".repeat(37)), Some(Unfit::TooLong));
        assert_eq!(unfit("before\0after"), Some(Unfit::HasNul));
    }

    #[test]
    fn a_password_does_not_print_itself() {
        assert!(!format!("{:?}", NewPassword::check("correct horse".into())).contains("horse"));
    }
}
