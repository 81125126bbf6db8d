//! Tokens that do one thing, once.
//!
//! Who has one may do what it is for. It goes out in a mail; what we keep is its
//! digest, with the user and the address it was made for (`store/verifications.rs`).

use std::time::Duration;

use auth_types::{TokenDigest, random};
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

/// `[0-9a-z]`: deletion tokens (contract 4.15).
const LOWER_ALPHANUMERIC: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    ResetPassword,
    DeleteAccount,
    /// At the address they have: they want another.
    ConfirmEmailChange,
    /// At the address they want: it is theirs.
    VerifyEmailChange,
}

impl Purpose {
    /// As the database has it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ResetPassword => "reset-password",
            Self::DeleteAccount => "delete-account",
            Self::ConfirmEmailChange => "confirm-email-change",
            Self::VerifyEmailChange => "verify-email-change",
        }
    }

    #[must_use]
    pub fn lifetime(self) -> Duration {
        match self {
            Self::DeleteAccount => Duration::from_hours(24),
            Self::ResetPassword | Self::ConfirmEmailChange | Self::VerifyEmailChange => {
                Duration::from_hours(1)
            }
        }
    }
}

#[derive(Debug, Clone)]
pub struct OneTimeToken(SecretString);

impl OneTimeToken {
    /// For `GET /reset-password/:token`: 24 letters and digits, about 143 bits.
    #[must_use]
    pub fn to_reset_password(rng: &mut impl CryptoRng) -> Self {
        Self(random::text(rng, random::ALPHANUMERIC, 24).into())
    }

    /// For `GET /delete-user/callback`: 32 letters and digits, about 165 bits.
    #[must_use]
    pub fn to_delete_account(rng: &mut impl CryptoRng) -> Self {
        Self(random::text(rng, LOWER_ALPHANUMERIC, 32).into())
    }

    /// What somebody claims to be a token, or a signed link that is to be one.
    #[must_use]
    pub fn from_text(text: String) -> Self {
        Self(text.into())
    }

    /// One round of SHA-256 is enough: nobody guesses what it was made of.
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        let digest: [u8; 32] = Sha256::digest(self.0.expose_secret()).into();
        digest.into()
    }

    /// The token itself, for the link that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_the_form_of_the_contract() {
        let reset = OneTimeToken::to_reset_password(&mut rand::rng());
        assert!(
            reset.expose().len() == 24 && reset.expose().bytes().all(|b| b.is_ascii_alphanumeric())
        );
        let delete = OneTimeToken::to_delete_account(&mut rand::rng());
        assert_eq!(delete.expose().len(), 32);
        assert!(delete.expose().bytes().all(|b| b.is_ascii_digit() || b.is_ascii_lowercase()));
    }

    #[test]
    fn a_token_does_not_print_itself() {
        let token = OneTimeToken::from_text("secret".to_owned());
        assert!(!format!("{token:?}").contains("secret"));
        assert_ne!(token.digest(), OneTimeToken::from_text("secrets".to_owned()).digest());
    }
}
