//! How a sign-in comes to its end here, from the first proof to a session.
//!
//! ```text
//! passkey, user verified ─────────────▶ Authenticated ──▶ session
//! passkey without ──▶ PasskeyAccepted ──none enrolled──▶┘  ▲
//!                          └──▶ the gate ──trusted device──┤
//! password ──▶ the gate ──▶ challenge ──second factor──────┘
//! ```
//!
//! Opening a session takes an `Authenticated`, and only the functions below make one.

use contract::{mfa::FirstProof, session::Proof, user::UserSnapshot};

use crate::model::factor::Factor;

/// What was given before a second factor is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirstFactor {
    Password,
    /// Without user verification: something they have, and no more.
    Passkey,
    /// A social provider's word.
    Social,
}

impl From<FirstProof> for FirstFactor {
    fn from(first: FirstProof) -> Self {
        match first {
            FirstProof::Password => Self::Password,
            FirstProof::Social => Self::Social,
        }
    }
}

impl FirstFactor {
    /// With this second factor.
    #[must_use]
    pub fn and(self, second: Factor) -> Proof {
        match (self, second) {
            (Self::Password, Factor::Totp) => Proof::PasswordAndTotp,
            (Self::Password, Factor::EmailCode) => Proof::PasswordAndEmailCode,
            (Self::Password, Factor::BackupCode) => Proof::PasswordAndBackupCode,
            (Self::Passkey, Factor::Totp) => Proof::PasskeyAndTotp,
            (Self::Passkey, Factor::EmailCode) => Proof::PasskeyAndEmailCode,
            (Self::Passkey, Factor::BackupCode) => Proof::PasskeyAndBackupCode,
            (Self::Social, Factor::Totp) => Proof::SocialAndTotp,
            (Self::Social, Factor::EmailCode) => Proof::SocialAndEmailCode,
            (Self::Social, Factor::BackupCode) => Proof::SocialAndBackupCode,
        }
    }
}

/// Someone is who they say.
#[derive(Debug)]
pub struct Authenticated {
    user: UserSnapshot,
    proof: Proof,
}

/// A passkey was right; whether a second factor is owed is not yet known.
#[derive(Debug)]
pub struct PasskeyAccepted {
    user: UserSnapshot,
    proof: Proof,
}

/// What comes after a right passkey.
#[derive(Debug)]
pub enum Next {
    Authenticated(Authenticated),
    /// One factor was given, and the user has two.
    AskGate(PasskeyAccepted),
}

impl PasskeyAccepted {
    #[must_use]
    pub fn new(user: UserSnapshot, user_verified: bool) -> Self {
        let proof = if user_verified { Proof::PasskeyWithUserVerification } else { Proof::Passkey };
        Self { user, proof }
    }

    #[must_use]
    pub fn user(&self) -> &UserSnapshot {
        &self.user
    }

    #[must_use]
    pub fn next(self) -> Next {
        if self.proof.suffices_for(&self.user.user) {
            Next::Authenticated(Authenticated { user: self.user, proof: self.proof })
        } else {
            Next::AskGate(self)
        }
    }

    /// The gate found the browser trusted.
    #[must_use]
    pub fn on_trusted_device(self) -> Authenticated {
        Authenticated { user: self.user, proof: Proof::PasskeyOnTrustedDevice }
    }
}

impl Authenticated {
    /// The second factor was given too. `user` is as it was with the first.
    #[must_use]
    pub fn by_both(user: UserSnapshot, first: FirstFactor, second: Factor) -> Self {
        Self { user, proof: first.and(second) }
    }

    /// In a fresh session of their own they have registered a passkey.
    #[must_use]
    pub fn by_registration(user: UserSnapshot) -> Self {
        Self { user, proof: Proof::PasskeyRegistration }
    }

    #[must_use]
    pub fn into_parts(self) -> (UserSnapshot, Proof) {
        (self.user, self.proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(two_factor_enabled: bool) -> UserSnapshot {
        let golden = include_str!("../../../crates/contract/golden/session.v1.user-changed.json");
        let changed: contract::session::UserChanged = serde_json::from_str(golden).expect("golden");
        let mut user = changed.user;
        user.user.two_factor_enabled = two_factor_enabled;
        user
    }

    #[test]
    fn a_passkey_spares_the_second_factor_only_where_the_user_was_verified() {
        let lets_in = |factor, verified| {
            matches!(PasskeyAccepted::new(user(factor), verified).next(), Next::Authenticated(_))
        };
        assert!(lets_in(false, false) && lets_in(false, true) && lets_in(true, true));
        assert!(!lets_in(true, false));
    }

    #[test]
    fn every_pair_of_factors_is_enough_and_every_first_one_alone_is_not() {
        let with_factor = user(true).user;
        for first in [FirstFactor::Password, FirstFactor::Passkey, FirstFactor::Social] {
            for second in [Factor::Totp, Factor::EmailCode, Factor::BackupCode] {
                assert!(first.and(second).suffices_for(&with_factor));
            }
        }
        for alone in [Proof::Password, Proof::Passkey, Proof::Social, Proof::SignUp] {
            assert!(!alone.suffices_for(&with_factor) && alone.suffices_for(&user(false).user));
        }
    }
}
