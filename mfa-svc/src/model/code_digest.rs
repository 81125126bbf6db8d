//! What is stored of codes that are too short to be hashed plainly: a keyed hash, so
//! that who has the table but not the key cannot try them all.

use contract::{Purpose, RootSecrets};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

#[derive(Clone)]
pub struct CodeDigests(Vec<Hmac<Sha256>>);

impl CodeDigests {
    #[must_use]
    pub fn new(secrets: &RootSecrets) -> Self {
        let keys = secrets.derive_all(Purpose::FactorCodes);
        let keyed = |key: &[u8; 32]| Hmac::new_from_slice(key).expect("HMAC takes any key");
        Self(keys.iter().map(|key| keyed(key)).collect())
    }

    /// What to store. `owner` is whose code it is, so that equal codes differ.
    #[must_use]
    pub fn of(&self, owner: &str, code: &str) -> Vec<u8> {
        digest(&self.0[0], owner, code)
    }

    /// What may be stored of a code, under the present key or an earlier one.
    #[must_use]
    pub fn all_of(&self, owner: &str, code: &str) -> Vec<Vec<u8>> {
        self.0.iter().map(|keyed| digest(keyed, owner, code)).collect()
    }
}

fn digest(keyed: &Hmac<Sha256>, owner: &str, code: &str) -> Vec<u8> {
    // No owner has a NUL in it, so no two pairs are the same text.
    let mac = keyed.clone().chain_update(owner).chain_update([0]).chain_update(code);
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: &str = "an-older-secret-of-good-length-0123456789";
    const NEW: &str = "the-newest-secret-of-good-length-98765432";

    #[test]
    fn a_digest_made_under_an_older_secret_is_still_known() {
        let old = CodeDigests::new(&RootSecrets::parse(OLD).expect("fit"));
        let rotated =
            CodeDigests::new(&RootSecrets::parse(&format!("2:{NEW},1:{OLD}")).expect("fit"));
        let stored = old.of("ann", "123456");
        assert!(rotated.all_of("ann", "123456").contains(&stored));
        assert_ne!(rotated.of("ann", "123456"), stored);
        for (owner, code) in [("bob", "123456"), ("ann", "123457"), ("ann1", "23456")] {
            assert!(!rotated.all_of(owner, code).contains(&stored), "{owner} {code}");
        }
    }
}
