//! What Better Auth has encrypted, of rows that were taken over (contract 6.8).
//!
//! XChaCha20-Poly1305 under SHA-256 of the secret, as hexadecimal text; where secrets were
//! rotated, `$ba$<version>$` stands before it. Which of our secrets it was is found by
//! trying: a wrong one opens nothing. Unlike our own sealing this does not say whose the
//! text is, so it is replaced by ours at its first use.

use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce, aead::Aead};
use contract::RootSecrets;
use data_encoding::HEXLOWER_PERMISSIVE;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

const NONCE_BYTES: usize = 24;

#[derive(Clone)]
pub struct BetterAuthTexts(Vec<XChaCha20Poly1305>);

impl BetterAuthTexts {
    #[must_use]
    pub fn new(secrets: &RootSecrets) -> Self {
        let key = |secret: &SecretString| Sha256::digest(secret.expose_secret());
        Self(secrets.all().map(|secret| XChaCha20Poly1305::new(&key(secret))).collect())
    }

    /// Nothing where no configured secret is the one, or the text was altered.
    #[must_use]
    pub fn open(&self, text: &str) -> Option<SecretString> {
        let bytes = HEXLOWER_PERMISSIVE.decode(hexadecimal(text)?.as_bytes()).ok()?;
        let (nonce, sealed) = bytes.split_at_checked(NONCE_BYTES)?;
        let nonce = XNonce::try_from(nonce).ok()?;
        let opened = self.0.iter().find_map(|cipher| cipher.decrypt(&nonce, sealed).ok())?;
        String::from_utf8(opened).ok().map(Into::into)
    }

    /// Backup codes: a list of texts as JSON.
    #[must_use]
    pub fn open_codes(&self, text: &str) -> Option<Vec<String>> {
        serde_json::from_str(self.open(text)?.expose_secret()).ok()
    }
}

/// What stands after the version, if there is one.
fn hexadecimal(text: &str) -> Option<&str> {
    match text.strip_prefix("$ba$") {
        None => Some(text),
        Some(versioned) => versioned.split_once('$').map(|(_, text)| text),
    }
}

/// As the original would write it, for tests.
#[cfg(test)]
pub(crate) fn sealed_by_the_original(secret: &str, text: &str) -> String {
    use rand::RngExt;
    let nonce: [u8; NONCE_BYTES] = rand::rng().random();
    let cipher = XChaCha20Poly1305::new(&Sha256::digest(secret));
    let sealed = cipher.encrypt(&XNonce::from(nonce), text.as_bytes()).expect("short");
    data_encoding::HEXLOWER.encode(&[&nonce[..], &sealed].concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "contract-test-secret-0123456789-abcdefghij";
    const OTHER: &str = "the-newest-secret-of-good-length-98765432";
    /// The vectors of contract 6.8.
    const TOTP: &str = "000102030405060708090a0b0c0d0e0f1011121314151617b4f096ddbdb5dd6fffb52f913fd7738c4fb0ac85cee30a52e1139e8a13ee09133b6b757fed2fb901c013db4648d29e66";
    const CODES: &str = "000102030405060708090a0b0c0d0e0f1011121314151617a6eac2e6afb5cb37ca9405b658a726de4fbf87bdc09c1f67f212beee0659ac1f0c8f10e2cfecf397dae75f5770";

    fn texts(secrets: &str) -> BetterAuthTexts {
        BetterAuthTexts::new(&RootSecrets::parse(secrets).expect("fit"))
    }

    fn opened(secrets: &str, text: &str) -> Option<String> {
        texts(secrets).open(text).map(|text| text.expose_secret().to_owned())
    }

    #[test]
    fn the_vectors_of_the_contract_hold() {
        let secret = "I85Yqdsusfbn-RypkcFVaREdARtFHH5t";
        assert_eq!(opened(SECRET, TOTP).as_deref(), Some(secret));
        assert_eq!(opened(SECRET, &TOTP.to_uppercase()).as_deref(), Some(secret));
        assert_eq!(
            texts(SECRET).open_codes(CODES),
            Some(vec!["abcde-FGHIJ".into(), "klmno-PQRST".into()])
        );
    }

    #[test]
    fn a_text_of_an_older_secret_is_read_with_and_without_its_version() {
        let both = format!("2:{OTHER},1:{SECRET}");
        for text in [TOTP.to_owned(), format!("$ba$1${TOTP}"), format!("$ba$7${TOTP}")] {
            assert!(opened(&both, &text).is_some(), "{text}");
            assert_eq!(opened(OTHER, &text), None);
        }
    }

    #[test]
    fn what_is_no_such_text_opens_nothing() {
        for text in ["", "x", "00", "$ba$", "$ba$1", "$ba$1$", &TOTP[..48], &TOTP[..50], "é"] {
            assert_eq!(opened(SECRET, text), None, "{text}");
        }
        let no_list = sealed_by_the_original(SECRET, "{}");
        assert!(opened(SECRET, &no_list).is_some() && texts(SECRET).open_codes(&no_list).is_none());
    }

    proptest! {
        #[test]
        fn a_changed_digit_is_noticed(at in 0..TOTP.len(), digit in "[0-9a-f]") {
            let mut text = TOTP.to_owned();
            text.replace_range(at..=at, &digit);
            prop_assume!(text != TOTP);
            prop_assert_eq!(opened(SECRET, &text), None);
        }
    }
}
