//! Time-based codes (RFC 6238): HMAC-SHA-1, six digits, thirty seconds.

use auth_types::{Timestamp, random};
use data_encoding::BASE32_NOPAD_NOCASE;
use hmac::{Hmac, KeyInit, Mac};
use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha1::Sha1;
use subtle::ConstantTimeEq;

pub const PERIOD_SECS: i64 = 30;
pub const DIGITS: u32 = 6;
/// Codes of this many steps before and after the present one are good, for clocks
/// that disagree and people who type slowly.
const WINDOW: i64 = 1;
/// Characters of a secret: 192 bits.
const SECRET_LENGTH: usize = 32;

/// Stands before a secret whose key is written in base32: one that Better Auth's owner had
/// from yet another system (contract 6.7).
const BASE32: &str = "base32:";

/// What the authenticator app and we share: a text whose bytes are the key (contract 6.7).
#[derive(Debug, Clone)]
pub struct TotpSecret {
    text: SecretString,
    key: SecretSlice<u8>,
}

/// Which thirty seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step(pub i64);

impl Step {
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(now.unix_seconds().div_euclid(PERIOD_SECS))
    }
}

impl TotpSecret {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        let text = random::text(rng, random::URL_SAFE, SECRET_LENGTH);
        Self { key: text.as_bytes().to_vec().into(), text: text.into() }
    }

    /// Reads a stored one; nothing where it says base32 and is not.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let key = match text.strip_prefix(BASE32) {
            None => text.as_bytes().to_vec(),
            Some(encoded) => {
                BASE32_NOPAD_NOCASE.decode(encoded.trim_end_matches('=').as_bytes()).ok()?
            }
        };
        Some(Self { text: text.into(), key: key.into() })
    }

    /// As it is stored.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.key.expose_secret()
    }

    #[must_use]
    pub fn code_at(&self, step: Step) -> String {
        let mac = Hmac::<Sha1>::new_from_slice(self.key()).expect("HMAC takes any key");
        let mac = mac.chain_update(step.0.to_be_bytes()).finalize().into_bytes();
        // RFC 4226, 5.3: the last half byte says which four bytes to take.
        let offset = usize::from(mac[19] & 0xf);
        let bytes = [mac[offset], mac[offset + 1], mac[offset + 2], mac[offset + 3]];
        let number = (u32::from_be_bytes(bytes) & 0x7fff_ffff) % 10_u32.pow(DIGITS);
        format!("{number:06}")
    }

    /// The step whose code this is, if it is a good one now. Every step of the window
    /// is compared, so that the time it takes says nothing.
    #[must_use]
    pub fn step_of(&self, code: &str, now: Timestamp) -> Option<Step> {
        let Step(present) = Step::at(now);
        let mut found = None;
        for step in (present - WINDOW..=present + WINDOW).map(Step) {
            if bool::from(self.code_at(step).as_bytes().ct_eq(code.as_bytes())) {
                found = Some(step);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).expect("an instant")
    }

    fn vector() -> TotpSecret {
        TotpSecret::parse("I85Yqdsusfbn-RypkcFVaREdARtFHH5t").expect("a secret")
    }

    #[test]
    fn the_vectors_of_the_rfc_and_of_the_contract_hold() {
        let rfc = TotpSecret::parse("12345678901234567890").expect("a secret");
        for (seconds, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
        {
            assert_eq!(rfc.code_at(Step(seconds / PERIOD_SECS)), code);
        }
        assert_eq!(Step::at(at("2025-02-19T21:20:00Z")), Step(58_000_000));
        assert_eq!(vector().code_at(Step(58_000_000)), "115200");
    }

    #[test]
    fn a_secret_in_base32_is_its_bytes() {
        // The RFC's secret again.
        for text in [
            "base32:GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
            "base32:gezdgnbvgy3tqojqgezdgnbvgy3tqojq====",
        ] {
            let secret = TotpSecret::parse(text).expect("a secret");
            assert_eq!(secret.code_at(Step(59 / PERIOD_SECS)), "287082");
            assert_eq!(secret.expose(), text);
        }
        assert!(TotpSecret::parse("base32:1").is_none());
        assert_eq!(TotpSecret::parse("BASE32:1").expect("a text").key(), b"BASE32:1");
    }

    #[test]
    fn a_code_is_good_for_one_step_before_and_after_and_no_longer() {
        let middle = at("2025-02-19T21:20:00Z");
        let good = |now| vector().step_of("115200", now) == Some(Step(58_000_000));
        assert!(good(middle - Duration::from_secs(30)) && good(middle + Duration::from_secs(59)));
        assert!(!good(middle - Duration::from_secs(31)) && !good(middle + Duration::from_mins(1)));
    }

    #[test]
    fn what_is_not_the_code_to_the_letter_is_wrong() {
        let now = at("2025-02-19T21:20:00Z");
        for code in
            ["", "15200", " 115200", "115200 ", "0115200", "１１５２００", "115201", "1152000"]
        {
            assert_eq!(vector().step_of(code, now), None, "{code:?}");
        }
    }

    proptest! {
        #[test]
        fn another_implementation_agrees(secret in "[A-Za-z0-9_-]{32}", seconds in 0_u64..10_000_000_000) {
            let other = totp_rs::Builder::new().with_secret(secret.clone().into_bytes()).build().expect("fit");
            let step = Step(i64::try_from(seconds).expect("small") / PERIOD_SECS);
            prop_assert_eq!(TotpSecret::parse(&secret).expect("a secret").code_at(step), other.generate(seconds).to_string());
        }
    }
}
