//! The session token and what is stored of it.
//!
//! Two types, so that the one we hand out cannot be stored by mistake, and the
//! one we store cannot be handed out.

use std::fmt;

use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::random;

/// What the client sends back to prove it is the one we signed in.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct SessionToken(SecretString);

impl SessionToken {
    /// Characters of a token (contract 3.1): about 190 bits.
    pub const LENGTH: usize = 32;

    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self(random::text(rng, random::ALPHANUMERIC, Self::LENGTH).into())
    }

    /// Takes text for a token if it could be one. Anything else cannot name a
    /// session, so there is nothing to look up.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = text.len() == Self::LENGTH && text.bytes().all(|b| b.is_ascii_alphanumeric());
        fits.then(|| Self(text.into()))
    }

    /// One round of SHA-256 is enough: 190 random bits leave nothing to guess,
    /// so there is nothing for a slow hash to slow down.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        TokenDigest(Sha256::digest(self.0.expose_secret()).into())
    }

    /// The token itself, for the cookie and the body that deliver it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

/// Only the reply that opens a session carries a token, from the service that
/// made it to the one that sets the cookie.
impl Serialize for SessionToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.expose())
    }
}

/// What we store and look sessions up by: SHA-256 of the token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenDigest([u8; 32]);

impl TokenDigest {
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// From 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn from_hex(text: &str) -> Option<Self> {
        let text = text.as_bytes();
        if text.len() != 64 {
            return None;
        }
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
        }
        Some(Self(bytes))
    }
}

impl From<[u8; 32]> for TokenDigest {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Hexadecimal: how a digest stands in Redis keys and messages.
impl fmt::Display for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut text = [0; 64];
        for (pair, byte) in text.chunks_exact_mut(2).zip(self.0) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 15)];
        }
        f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Debug for TokenDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for TokenDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for TokenDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::from_hex(&text).ok_or_else(|| de::Error::custom("a digest is 64 hexadecimal digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_print_itself() {
        let token = SessionToken::generate(&mut rand::rng());
        assert!(!format!("{token:?}").contains(token.expose()));
    }

    #[test]
    fn a_prefix_of_a_token_is_no_token() {
        let token = SessionToken::generate(&mut rand::rng());
        for length in 0..SessionToken::LENGTH {
            assert!(SessionToken::parse(&token.expose()[..length]).is_none());
        }
        assert_eq!(SessionToken::parse(token.expose()).expect("whole").digest(), token.digest());
    }

    #[test]
    fn digests_survive_hexadecimal() {
        let digest = SessionToken::generate(&mut rand::rng()).digest();
        assert_eq!(TokenDigest::from_hex(&digest.to_string()), Some(digest));
        assert_eq!(TokenDigest::from_hex(&digest.to_string().to_uppercase()), None);
    }
}
