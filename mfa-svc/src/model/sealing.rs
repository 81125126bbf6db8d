//! Secrets of authenticator apps, encrypted at rest for their user. Secrets that were
//! taken over from Better Auth are read in its own encryption, and sealed in ours at their
//! first use.

use auth_types::UserId;
use contract::{Purpose, RootSecrets};
use rand::CryptoRng;
use secrecy::ExposeSecret;
use service_kit::sealing;
pub use service_kit::sealing::Sealed;

use crate::model::{better_auth::BetterAuthTexts, totp::TotpSecret};

/// Stands for a key where the text is as Better Auth wrote it (import/better-auth.sql).
const BETTER_AUTH: &str = "better-auth";

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error(transparent)]
    Sealed(#[from] sealing::Unreadable),
    #[error("it is no secret of an app")]
    NoSecret,
}

#[derive(Clone)]
pub struct Sealer {
    ours: sealing::Sealer,
    better_auth: BetterAuthTexts,
}

impl Sealer {
    #[must_use]
    pub fn new(secrets: &RootSecrets) -> Self {
        Self {
            ours: sealing::Sealer::new(secrets, Purpose::FactorSecrets),
            better_auth: BetterAuthTexts::new(secrets),
        }
    }

    pub fn seal(&self, owner: &UserId, secret: &TotpSecret, rng: &mut impl CryptoRng) -> Sealed {
        self.ours.seal(owner.as_str(), secret.expose().as_bytes(), rng)
    }

    pub fn open(&self, owner: &UserId, sealed: &Sealed) -> Result<TotpSecret, Unreadable> {
        if sealed.key_id == BETTER_AUTH {
            let text = str::from_utf8(&sealed.bytes).map_err(|_| sealing::Unreadable::Altered)?;
            let opened = self.better_auth.open(text).ok_or(sealing::Unreadable::UnknownKey)?;
            return TotpSecret::parse(opened.expose_secret()).ok_or(Unreadable::NoSecret);
        }
        let text = self.ours.open(owner.as_str(), sealed)?;
        let text = str::from_utf8(&text).map_err(|_| sealing::Unreadable::Altered)?;
        TotpSecret::parse(text).ok_or(Unreadable::NoSecret)
    }

    /// Whether it should be sealed again, under the present key.
    #[must_use]
    pub fn is_outdated(&self, sealed: &Sealed) -> bool {
        self.ours.is_outdated(sealed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::better_auth::sealed_by_the_original;

    const OLD: &str = "an-older-secret-of-good-length-0123456789";
    const NEW: &str = "the-newest-secret-of-good-length-98765432";

    fn sealer(secrets: &str) -> Sealer {
        Sealer::new(&RootSecrets::parse(secrets).expect("fit"))
    }

    fn ann() -> UserId {
        "ann".to_owned().into()
    }

    #[test]
    fn a_secret_opens_for_its_user_alone() {
        let secret = TotpSecret::generate(&mut rand::rng());
        let sealed = sealer(NEW).seal(&ann(), &secret, &mut rand::rng());
        assert_eq!(sealer(NEW).open(&ann(), &sealed).expect("opens").expose(), secret.expose());
        let opened = sealer(NEW).open(&"bob".to_owned().into(), &sealed);
        assert_eq!(opened.map(|_| ()), Err(sealing::Unreadable::Altered.into()));
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
            let unknown = sealer(NEW).open(&ann(), &sealed).map(|_| ());
            assert_eq!(unknown, Err(sealing::Unreadable::UnknownKey.into()));
        }
    }
}
