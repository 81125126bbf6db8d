//! Passwords: which ones may be set, and what is kept of them.

use std::fmt;

use auth_types::TokenDigest;
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

    /// One that has just proved right may be kept, however short it is, if bcrypt
    /// sees the whole of it.
    #[must_use]
    pub fn proved(password: SecretString) -> Option<Self> {
        let text = password.expose_secret();
        let fits = text.len() <= MAX_BYTES && !text.contains('\0');
        fits.then_some(Self(password))
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

/// How a hash was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Format<'a> {
    /// `$2a$`, `$2b$` or `$2y$`, as other systems name what is one algorithm.
    Bcrypt { cost: u32 },
    /// What Better Auth makes by itself: `<32 hex digits>:<128 hex digits>`.
    Scrypt { salt: &'a str, key: [u8; 64] },
}

impl PasswordHash {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// None of the formats we know is guessed at: what fits none, whether empty,
    /// cut or plain text, is no hash.
    #[must_use]
    pub fn format(&self) -> Option<Format<'_>> {
        if let Some((salt, key)) = self.0.split_once(':') {
            let is_salt = salt.len() == 32 && salt.bytes().all(|byte| byte.is_ascii_hexdigit());
            return Some(Format::Scrypt { salt, key: key_of(key)? }).filter(|_| is_salt);
        }
        let is_known = ["$2a$", "$2b$", "$2y$"].iter().any(|prefix| self.0.starts_with(prefix));
        let parts = self.0.parse::<bcrypt::HashParts>().ok().filter(|_| is_known)?;
        Some(Format::Bcrypt { cost: parts.get_cost() })
    }
}

/// 64 bytes, from two digests' worth of hexadecimal digits.
fn key_of(text: &str) -> Option<[u8; 64]> {
    let (left, right) = text.split_at_checked(64)?;
    let mut key = [0; 64];
    key[..32].copy_from_slice(TokenDigest::from_hex(left)?.as_bytes());
    key[32..].copy_from_slice(TokenDigest::from_hex(right)?.as_bytes());
    Some(key)
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
    fn each_format_is_told_by_its_form_and_nothing_else_is_one() {
        let bcrypt = "05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let (salt, key) = ("0a".repeat(16), "5e".repeat(64));
        let hash = |text: String| PasswordHash::from(text);
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            assert_eq!(
                hash(format!("{prefix}{bcrypt}")).format(),
                Some(Format::Bcrypt { cost: 5 })
            );
        }
        let scrypt = hash(format!("{salt}:{key}"));
        assert_eq!(scrypt.format(), Some(Format::Scrypt { salt: &salt, key: [0x5e; 64] }));
        for text in [
            String::new(),
            "password123".into(),
            format!("$2x${bcrypt}"),
            "$2b$05$short".into(),
            format!("{salt}:"),
            format!("{salt}:{}", &key[1..]),
            format!("{salt}:{key}0"),
            format!("{}:{key}", &salt[1..]),
            format!("{}:{key}", "zz".repeat(16)),
            format!("$argon2id$v=19$m=65536,t=3,p=4${bcrypt}"),
            format!("{salt}:{}", "é".repeat(64)),
        ] {
            assert_eq!(hash(text.clone()).format(), None, "{text}");
        }
    }

    #[test]
    fn a_password_does_not_print_itself() {
        assert!(!format!("{:?}", NewPassword::check("correct horse".into())).contains("horse"));
    }
}
