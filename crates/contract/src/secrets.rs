//! The root secret and the keys that follow from it.
//!
//! Cookies are signed with the secret itself, as Better Auth signs them. Every
//! other key is derived with its purpose (HKDF, RFC 5869), so that replicas agree
//! without sharing files and one purpose's key is useless for another.

use std::collections::HashSet;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hkdf::Hkdf;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::Sha256;

/// What a derived key is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Signs the assertion that tells an upstream who is calling.
    IdentityAssertion,
    /// Signs WebSocket tokens.
    WsToken,
    /// Signs what `stellar doctor` shows the gateway.
    DoctorToken,
    /// Shows a service that a request came through the gateway.
    GatewayKey,
    /// Encrypts the secrets of authenticator apps.
    FactorSecrets,
    /// Hashes backup codes and codes sent by mail, which are too short to be hashed
    /// without a key.
    FactorCodes,
    /// Encrypts the tokens that social providers gave us for a user.
    ProviderTokens,
    /// Encrypts what a social sign-in needs when the browser comes back.
    SocialFlow,
}

impl Purpose {
    fn info(self) -> &'static [u8] {
        match self {
            Self::IdentityAssertion => b"stellar-auth identity assertion v1",
            Self::WsToken => b"stellar-auth ws token v1",
            Self::DoctorToken => b"stellar-auth doctor token v1",
            Self::GatewayKey => b"stellar-auth gateway key v1",
            Self::FactorSecrets => b"stellar-auth factor secrets v1",
            Self::FactorCodes => b"stellar-auth factor codes v1",
            Self::ProviderTokens => b"stellar-auth provider tokens v1",
            Self::SocialFlow => b"stellar-auth social flow v1",
        }
    }
}

/// The current root secret and those before it. The first signs, all verify.
#[derive(Debug, Clone)]
pub struct RootSecrets(Vec<SecretString>);

/// Why a secret cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnfitSecret {
    #[error("expected at least 32 bytes of randomness, for example from `openssl rand -base64 32`")]
    TooShort,
    #[error("a list of secrets is `2:newest,1:older`, the newest first")]
    MalformedList,
}

/// Pieces of secrets that stand in documents and templates.
const EXAMPLES: &[&str] =
    &["change-me", "changeme", "your-secret", "better-auth-secret", "example-secret"];

impl RootSecrets {
    /// Reads `secret`, or `version:secret,version:secret` with the newest first.
    pub fn parse(text: &str) -> Result<Self, UnfitSecret> {
        let is_list = text.split_once(':').is_some_and(|(version, _)| is_version(version));
        let secrets = if is_list {
            text.split(',').map(versioned).collect::<Result<Vec<_>, _>>()?
        } else {
            vec![text]
        };
        secrets.into_iter().map(fit).collect::<Result<Vec<_>, _>>().map(Self)
    }

    /// Whether one of them is an example from a document, or the same few letters.
    #[must_use]
    pub fn any_is_guessable(&self) -> bool {
        self.all().any(|secret| is_guessable(secret.expose_secret()))
    }

    /// The secret that signs.
    #[must_use]
    pub fn current(&self) -> &SecretString {
        &self.0[0]
    }

    pub fn all(&self) -> impl Iterator<Item = &SecretString> {
        self.0.iter()
    }

    /// The current key for a purpose.
    #[must_use]
    pub fn derive(&self, purpose: Purpose) -> Zeroizing<[u8; 32]> {
        derive(self.current(), purpose)
    }

    /// Keys for a purpose, the current one first.
    #[must_use]
    pub fn derive_all(&self, purpose: Purpose) -> Vec<Zeroizing<[u8; 32]>> {
        self.all().map(|secret| derive(secret, purpose)).collect()
    }

    /// What the gateway shows to services, as text for a header.
    #[must_use]
    pub fn gateway_key(&self) -> SecretString {
        BASE64_URL_SAFE_NO_PAD.encode(self.derive(Purpose::GatewayKey).as_slice()).into()
    }
}

fn derive(secret: &SecretString, purpose: Purpose) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret.expose_secret().as_bytes())
        .expand(purpose.info(), key.as_mut())
        .expect("32 bytes are within what HKDF-SHA-256 can give");
    key
}

fn is_version(text: &str) -> bool {
    !text.is_empty() && text.len() <= 9 && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn versioned(entry: &str) -> Result<&str, UnfitSecret> {
    match entry.trim().split_once(':') {
        Some((version, secret)) if is_version(version) => Ok(secret),
        _ => Err(UnfitSecret::MalformedList),
    }
}

fn fit(secret: &str) -> Result<SecretString, UnfitSecret> {
    if secret.len() < 32 {
        return Err(UnfitSecret::TooShort);
    }
    Ok(secret.into())
}

/// Long enough, but somebody could think of it.
fn is_guessable(secret: &str) -> bool {
    let lower = secret.to_ascii_lowercase();
    let varied = lower.bytes().collect::<HashSet<_>>().len() >= 8;
    !varied || EXAMPLES.iter().any(|example| lower.contains(example))
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an-older-secret-of-good-length-0123456789";
    const NEW: &str = "the-newest-secret-of-good-length-98765432";

    #[test]
    fn the_first_of_a_list_signs() {
        let secrets = RootSecrets::parse(&format!("2:{NEW},1:{OLD}")).expect("a list");
        assert_eq!(secrets.current().expose_secret(), NEW);
        assert_eq!(secrets.all().count(), 2);
    }

    #[test]
    fn short_secrets_are_refused_and_examples_are_known() {
        assert_eq!(RootSecrets::parse("short").err(), Some(UnfitSecret::TooShort));
        for example in [&"a".repeat(40), "your-secret-key-at-least-32-characters-long"] {
            assert!(RootSecrets::parse(example).expect("long enough").any_is_guessable());
        }
        assert!(!RootSecrets::parse(NEW).expect("fit").any_is_guessable());
        assert_eq!(
            RootSecrets::parse(&format!("2:{NEW},{OLD}")).err(),
            Some(UnfitSecret::MalformedList)
        );
    }

    #[test]
    fn each_purpose_and_each_secret_has_its_own_key() {
        let (old, new) =
            (RootSecrets::parse(OLD).expect("fit"), RootSecrets::parse(NEW).expect("fit"));
        let purposes = [
            Purpose::IdentityAssertion,
            Purpose::WsToken,
            Purpose::DoctorToken,
            Purpose::GatewayKey,
            Purpose::FactorSecrets,
            Purpose::FactorCodes,
            Purpose::ProviderTokens,
            Purpose::SocialFlow,
        ];
        let mut keys: Vec<_> =
            purposes.iter().flat_map(|p| [*old.derive(*p), *new.derive(*p)]).collect();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), 2 * purposes.len());
    }

    #[test]
    fn secrets_do_not_print_themselves() {
        assert!(!format!("{:?}", RootSecrets::parse(NEW)).contains("newest"));
    }
}
