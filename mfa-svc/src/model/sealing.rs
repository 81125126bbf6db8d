//! Secrets of authenticator apps, encrypted at rest: XChaCha20-Poly1305 under a derived
//! key. Whose secret it is, is authenticated with it, so a row that is copied to another
//! user opens for nobody. Secrets that were taken over from Better Auth are read in its own
//! encryption, and sealed in ours at their first use.

use auth_types::UserId;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use contract::{Purpose, RootSecrets};
use rand::{CryptoRng, RngExt};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use crate::model::{better_auth::BetterAuthTexts, totp::TotpSecret};

const NONCE_BYTES: usize = 24;
/// Stands for a key where the text is as Better Auth wrote it (import/better-auth.sql).
const BETTER_AUTH: &str = "better-auth";

/// A secret as it is stored.
#[derive(Debug, Clone)]
pub struct Sealed {
    pub bytes: Vec<u8>,
    /// Names the key, whatever number its root secret has in the configuration.
    pub key_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("no configured secret is the one that sealed it")]
    UnknownKey,
    #[error("it was altered, or is another user's")]
    Altered,
    #[error("it is no secret of an app")]
    NoSecret,
}

#[derive(Clone)]
pub struct Sealer {
    /// The present one first.
    keys: Vec<(String, XChaCha20Poly1305)>,
    better_auth: BetterAuthTexts,
}

impl Sealer {
    #[must_use]
    pub fn new(secrets: &RootSecrets) -> Self {
        let keys = secrets.derive_all(Purpose::FactorSecrets);
        let keyed = |key: &[u8; 32]| (key_id(key), XChaCha20Poly1305::new(key.into()));
        Self {
            keys: keys.iter().map(|key| keyed(key)).collect(),
            better_auth: BetterAuthTexts::new(secrets),
        }
    }

    pub fn seal(&self, owner: &UserId, secret: &TotpSecret, rng: &mut impl CryptoRng) -> Sealed {
        let (key_id, cipher) = &self.keys[0];
        let nonce: [u8; NONCE_BYTES] = rng.random();
        let payload = Payload { msg: secret.expose().as_bytes(), aad: owner.as_str().as_bytes() };
        let sealed =
            cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret is short enough");
        Sealed { bytes: [&nonce[..], &sealed].concat(), key_id: key_id.clone() }
    }

    pub fn open(&self, owner: &UserId, sealed: &Sealed) -> Result<TotpSecret, Unreadable> {
        if sealed.key_id == BETTER_AUTH {
            let text = str::from_utf8(&sealed.bytes).map_err(|_| Unreadable::Altered)?;
            let opened = self.better_auth.open(text).ok_or(Unreadable::UnknownKey)?;
            return TotpSecret::parse(opened.expose_secret()).ok_or(Unreadable::NoSecret);
        }
        let found = self.keys.iter().find(|(key_id, _)| *key_id == sealed.key_id);
        let (_, cipher) = found.ok_or(Unreadable::UnknownKey)?;
        let (nonce, bytes) =
            sealed.bytes.split_at_checked(NONCE_BYTES).ok_or(Unreadable::Altered)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Unreadable::Altered)?;
        let payload = Payload { msg: bytes, aad: owner.as_str().as_bytes() };
        let text = cipher.decrypt(&nonce, payload).map_err(|_| Unreadable::Altered)?;
        let text = String::from_utf8(text).map_err(|_| Unreadable::Altered)?;
        TotpSecret::parse(&text).ok_or(Unreadable::NoSecret)
    }

    /// Whether it should be sealed again, under the present key.
    #[must_use]
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        self.keys[0].0 != sealed.key_id
    }
}

fn key_id(key: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(b"key id").chain_update(key).finalize();
    data_encoding::HEXLOWER.encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::better_auth::sealed_by_the_original;
    use proptest::prelude::*;

    const OLD: &str = "an-older-secret-of-good-length-0123456789";
    const NEW: &str = "the-newest-secret-of-good-length-98765432";

    fn sealer(secrets: &str) -> Sealer {
        Sealer::new(&RootSecrets::parse(secrets).expect("fit"))
    }

    fn ann() -> UserId {
        "ann".to_owned().into()
    }

    #[test]
    fn a_secret_survives_a_rotation_and_is_then_outdated() {
        let secret = TotpSecret::generate(&mut rand::rng());
        let sealed = sealer(OLD).seal(&ann(), &secret, &mut rand::rng());
        let rotated = sealer(&format!("2:{NEW},1:{OLD}"));
        assert_eq!(rotated.open(&ann(), &sealed).expect("opens").expose(), secret.expose());
        assert!(rotated.is_outdated(&sealed) && !sealer(OLD).is_outdated(&sealed));
        assert_eq!(sealer(NEW).open(&ann(), &sealed).map(|_| ()), Err(Unreadable::UnknownKey));
    }

    #[test]
    fn another_users_row_opens_nothing() {
        let sealed =
            sealer(NEW).seal(&ann(), &TotpSecret::generate(&mut rand::rng()), &mut rand::rng());
        let opened = sealer(NEW).open(&"bob".to_owned().into(), &sealed);
        assert_eq!(opened.map(|_| ()), Err(Unreadable::Altered));
    }

    #[test]
    fn a_secret_of_the_original_is_read_and_is_outdated_at_once() {
        for (text, key) in
            [("I85Yqdsusfbn-RypkcFVaREdARtFHH5t", None), ("base32:JBSWY3DP", Some("Hello"))]
        {
            let bytes = sealed_by_the_original(OLD, text).into_bytes();
            let sealed = Sealed { bytes, key_id: BETTER_AUTH.to_owned() };
            let rotated = sealer(&format!("2:{NEW},1:{OLD}"));
            let secret = rotated.open(&ann(), &sealed).expect("opens");
            assert_eq!(secret.key(), key.unwrap_or(text).as_bytes());
            assert!(rotated.is_outdated(&sealed));
            let ours = rotated.seal(&ann(), &secret, &mut rand::rng());
            assert_eq!(rotated.open(&ann(), &ours).expect("opens").key(), secret.key());
            assert_eq!(sealer(NEW).open(&ann(), &sealed).map(|_| ()), Err(Unreadable::UnknownKey));
        }
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let secret = TotpSecret::generate(&mut rand::rng());
            let mut sealed = sealer(NEW).seal(&ann(), &secret, &mut rand::rng());
            let at = at.index(sealed.bytes.len());
            sealed.bytes[at] ^= flip;
            prop_assert_eq!(sealer(NEW).open(&ann(), &sealed).map(|_| ()), Err(Unreadable::Altered));
        }
    }
}
