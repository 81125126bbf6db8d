//! Secrets of authenticator apps, encrypted at rest for their user.

use auth_types::UserId;
use contract::{Purpose, RootSecrets};
use rand::CryptoRng;
pub use service_kit::sealing::{Sealed, Unreadable};

use crate::model::totp::TotpSecret;

#[derive(Clone)]
pub struct Sealer(service_kit::sealing::Sealer);

impl Sealer {
    #[must_use]
    pub fn new(secrets: &RootSecrets) -> Self {
        Self(service_kit::sealing::Sealer::new(secrets, Purpose::FactorSecrets))
    }

    pub fn seal(&self, owner: &UserId, secret: &TotpSecret, rng: &mut impl CryptoRng) -> Sealed {
        self.0.seal(owner.as_str(), secret.expose().as_bytes(), rng)
    }

    pub fn open(&self, owner: &UserId, sealed: &Sealed) -> Result<TotpSecret, Unreadable> {
        let text = self.0.open(owner.as_str(), sealed)?;
        let text = std::str::from_utf8(&text).map_err(|_| Unreadable::Altered)?;
        Ok(TotpSecret::from(text.to_owned()))
    }

    /// Whether it should be sealed again, under the present key.
    #[must_use]
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        self.0.is_outdated(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_opens_for_its_user_alone() {
        let secrets = RootSecrets::parse("a-secret-of-good-length-0123456789-abcdef");
        let sealer = Sealer::new(&secrets.expect("fit"));
        let (ann, bob) = (UserId::from("ann".to_owned()), UserId::from("bob".to_owned()));
        let secret = TotpSecret::generate(&mut rand::rng());
        let sealed = sealer.seal(&ann, &secret, &mut rand::rng());
        assert_eq!(sealer.open(&ann, &sealed).expect("opens").expose(), secret.expose());
        assert_eq!(sealer.open(&bob, &sealed).map(|_| ()), Err(Unreadable::Altered));
    }
}
