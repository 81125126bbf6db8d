//! What a browser holds on its way to a session, and afterwards to be trusted: none can
//! be taken for a session's token, nor for another of them.

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
    /// Names a ceremony with a passkey that has begun (contract 7.1): 32 characters as the
    /// contract has them, 174 bits of them random.
    CeremonyToken = "pk_" + 29;
    /// Names a sign-in that goes by way of a social provider: its `state` (contract 8.2),
    /// 32 characters, 186 bits. An underscore is in no session's token.
    StateToken = "_" + 31;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SessionToken;

    #[test]
    fn no_token_is_taken_for_another_kind() {
        let rng = &mut rand::rng();
        let (challenge, device) = (ChallengeToken::generate(rng), DeviceToken::generate(rng));
        let ceremony = CeremonyToken::generate(rng);
        let session = SessionToken::generate(rng);
        assert!(
            ChallengeToken::parse(challenge.expose()).is_some()
                && DeviceToken::parse(device.expose()).is_some()
                && CeremonyToken::parse(ceremony.expose()).is_some()
        );
        assert_eq!(ceremony.expose().len(), 32);
        let state = StateToken::generate(rng);
        assert!(StateToken::parse(state.expose()).is_some() && state.expose().len() == 32);
        for text in [challenge.expose(), device.expose(), ceremony.expose(), state.expose()] {
            assert!(SessionToken::parse(text).is_none());
        }
        for text in [challenge.expose(), device.expose(), session.expose(), ""] {
            assert!(StateToken::parse(text).is_none());
        }
        for text in [
            device.expose(),
            ceremony.expose(),
            session.expose(),
            "",
            "2fa-",
            "2fa-abcdefghijklmnopqrs.",
            "2fa-abcdefghijklmnopqrstu",
        ] {
            assert!(ChallengeToken::parse(text).is_none(), "{text}");
        }
        for text in [challenge.expose(), ceremony.expose(), session.expose(), "trust-device-"] {
            assert!(DeviceToken::parse(text).is_none(), "{text}");
        }
        for text in [challenge.expose(), device.expose(), session.expose(), "pk_"] {
            assert!(CeremonyToken::parse(text).is_none(), "{text}");
        }
        assert!(!format!("{challenge:?}").contains(challenge.expose()));
    }
}
