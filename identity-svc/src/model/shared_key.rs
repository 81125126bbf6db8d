//! Keys that an operator shares with people: for recovery, for the first set-up.

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// Whether what was given is the key. Digests are compared, so neither the length
/// nor the place of the first difference shows in the time it takes.
#[must_use]
pub fn is_key(given: &str, key: &SecretString) -> bool {
    let (given, key) = (Sha256::digest(given), Sha256::digest(key.expose_secret()));
    given.as_slice().ct_eq(key.as_slice()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_whole_key_is_the_key() {
        let key = SecretString::from("0123456789abcdef");
        assert!(is_key("0123456789abcdef", &key));
        for given in ["", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF"] {
            assert!(!is_key(given, &key));
        }
    }
}
