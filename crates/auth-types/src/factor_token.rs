//! What a browser holds between a password and a session, and afterwards to be
//! trusted: neither can be taken for a session's token, nor for the other.

use rand::CryptoRng;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

use crate::{TokenDigest, random};

macro_rules! tokens {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal + $length:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(SecretString);

        impl $name {
            pub fn generate(rng: &mut impl CryptoRng) -> Self {
                let random = random::text(rng, random::URL_SAFE, $length);
                Self(format!("{}{random}", $prefix).into())
            }

            /// Takes text for one if it could be one.
            #[must_use]
            pub fn parse(text: &str) -> Option<Self> {
                let random = text.strip_prefix($prefix)?;
                let fits = random.len() == $length && random.bytes().all(|b| random::URL_SAFE.contains(&b));
                fits.then(|| Self(text.into()))
            }

            /// What is stored of it.
            #[must_use]
            pub fn digest(&self) -> TokenDigest {
                let digest: [u8; 32] = Sha256::digest(self.0.expose_secret()).into();
                digest.into()
            }

            /// The text itself, for the cookie.
            #[must_use]
            pub fn expose(&self) -> &str {
                self.0.expose_secret()
            }
        }

        /// It crosses the bus between the service that makes it and the one that
        /// sets the cookie.
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.expose())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| de::Error::custom(concat!("not a ", stringify!($name))))
            }
        }
    )+};
}

tokens! {
    /// Names a sign-in whose second factor is owed (contract 6.2): 120 bits.
    ChallengeToken = "2fa-" + 20;
    /// Names a browser from which no second factor is asked (contract 6.6).
    DeviceToken = "trust-device-" + 32;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionToken;

    #[test]
    fn no_token_is_taken_for_another_kind() {
        let rng = &mut rand::rng();
        let (challenge, device) = (ChallengeToken::generate(rng), DeviceToken::generate(rng));
        let session = SessionToken::generate(rng);
        assert!(
            ChallengeToken::parse(challenge.expose()).is_some()
                && DeviceToken::parse(device.expose()).is_some()
        );
        for text in [challenge.expose(), device.expose()] {
            assert!(SessionToken::parse(text).is_none());
        }
        for text in [
            device.expose(),
            session.expose(),
            "",
            "2fa-",
            "2fa-abcdefghijklmnopqrs.",
            "2fa-abcdefghijklmnopqrstu",
        ] {
            assert!(ChallengeToken::parse(text).is_none(), "{text}");
        }
        for text in [challenge.expose(), session.expose(), "trust-device-"] {
            assert!(DeviceToken::parse(text).is_none(), "{text}");
        }
        assert!(!format!("{challenge:?}").contains(challenge.expose()));
    }
}
