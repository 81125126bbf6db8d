//! Encryption at rest: XChaCha20-Poly1305 under a key derived from the root secret.
//! Whose secret it is, is authenticated with it, so a row that is copied to another
//! owner opens for nobody.

use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use contract::{Purpose, RootSecrets};
use rand::{CryptoRng, RngExt};
use secrecy::zeroize::Zeroizing;
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 24;

/// A secret as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    pub bytes: Vec<u8>,
    /// Names the key, whatever number its root secret has in the configuration.
    pub key_id: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("no configured secret is the one that sealed it")]
    UnknownKey,
    #[error("it was altered, or is another owner's")]
    Altered,
}

/// Seals under the current key of one purpose, and opens under all of them.
#[derive(Clone)]
pub struct Sealer(Vec<(String, XChaCha20Poly1305)>);

impl Sealer {
    #[must_use]
    pub fn new(secrets: &RootSecrets, purpose: Purpose) -> Self {
        let keys = secrets.derive_all(purpose);
        Self(
            keys.iter().map(|key| (key_id(key), XChaCha20Poly1305::new((&**key).into()))).collect(),
        )
    }

    /// # Panics
    /// When the secret is longer than the cipher takes, 256 GiB.
    pub fn seal(&self, owner: &str, secret: &[u8], rng: &mut impl CryptoRng) -> Sealed {
        let (key_id, cipher) = &self.0[0];
        let nonce: [u8; NONCE_BYTES] = rng.random();
        let payload = Payload { msg: secret, aad: owner.as_bytes() };
        let sealed =
            cipher.encrypt(&XNonce::from(nonce), payload).expect("a secret is short enough");
        Sealed { bytes: [&nonce[..], &sealed].concat(), key_id: key_id.clone() }
    }

    pub fn open(&self, owner: &str, sealed: &Sealed) -> Result<Zeroizing<Vec<u8>>, Unreadable> {
        let found = self.0.iter().find(|(key_id, _)| *key_id == sealed.key_id);
        let (_, cipher) = found.ok_or(Unreadable::UnknownKey)?;
        let (nonce, bytes) =
            sealed.bytes.split_at_checked(NONCE_BYTES).ok_or(Unreadable::Altered)?;
        let nonce = XNonce::try_from(nonce).map_err(|_| Unreadable::Altered)?;
        let payload = Payload { msg: bytes, aad: owner.as_bytes() };
        cipher.decrypt(&nonce, payload).map(Zeroizing::new).map_err(|_| Unreadable::Altered)
    }

    /// Whether it should be sealed again, under the present key.
    #[must_use]
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        self.0[0].0 != sealed.key_id
    }
}

fn key_id(key: &[u8; 32]) -> String {
    let digest = Sha256::new().chain_update(b"key id").chain_update(key).finalize();
    data_encoding::HEXLOWER.encode(&digest[..8])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const OLD: &str = "an-older-secret-of-good-length-0123456789";
    const NEW: &str = "the-newest-secret-of-good-length-98765432";

    fn sealer(secrets: &str, purpose: Purpose) -> Sealer {
        Sealer::new(&RootSecrets::parse(secrets).expect("fit"), purpose)
    }

    fn seal(sealer: &Sealer) -> Sealed {
        sealer.seal("ann", b"a secret", &mut rand::rng())
    }

    #[test]
    fn a_secret_survives_a_rotation_and_is_then_outdated() {
        let old = sealer(OLD, Purpose::FactorSecrets);
        let sealed = seal(&old);
        let rotated = sealer(&format!("2:{NEW},1:{OLD}"), Purpose::FactorSecrets);
        assert_eq!(**rotated.open("ann", &sealed).expect("opens"), *b"a secret");
        assert!(rotated.is_outdated(&sealed) && !old.is_outdated(&sealed));
        let new = sealer(NEW, Purpose::FactorSecrets);
        assert_eq!(new.open("ann", &sealed).map(|_| ()), Err(Unreadable::UnknownKey));
    }

    #[test]
    fn another_owners_row_and_another_purpose_open_nothing() {
        let factors = sealer(NEW, Purpose::FactorSecrets);
        let sealed = seal(&factors);
        assert_eq!(factors.open("bob", &sealed).map(|_| ()), Err(Unreadable::Altered));
        let tokens = sealer(NEW, Purpose::ProviderTokens);
        assert_eq!(tokens.open("ann", &sealed).map(|_| ()), Err(Unreadable::UnknownKey));
    }

    proptest! {
        #[test]
        fn a_changed_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let sealer = sealer(NEW, Purpose::FactorSecrets);
            let mut sealed = seal(&sealer);
            let at = at.index(sealed.bytes.len());
            sealed.bytes[at] ^= flip;
            prop_assert_eq!(sealer.open("ann", &sealed).map(|_| ()), Err(Unreadable::Altered));
        }
    }
}
