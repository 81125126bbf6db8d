//! A sign-in, from the first proof to the last.
//!
//! ```text
//! password, provider ──▶ Accepted ──none enrolled──▶ Authenticated ──▶ session
//!                           └──▶ the gate ──trusted device──▶┘
//!                                   └─────▶ FactorOwed (goes on at mfa-svc)
//! ```
//!
//! Each arrow is a function below, and no other module can make what stands at
//! its end. Opening a session takes an `Authenticated`, so there is no way to
//! open one for somebody who is not.

use auth_types::{DeviceToken, Timestamp};
use contract::{
    Refusal,
    mfa::{FactorOwed, FirstProof, GateAnswer},
    session::Proof,
    user::UserSnapshot,
};

/// The first proof was right; whether a second factor is owed is not yet known.
#[derive(Debug)]
pub struct Accepted {
    user: UserSnapshot,
    first: FirstProof,
    asks: Asks,
}

/// Whether a second factor is asked for where the user has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asks {
    SecondFactor,
    /// The provider has asked for one itself; the operator says so.
    NothingMore,
}

/// Someone is who they say.
#[derive(Debug)]
pub struct Authenticated {
    user: UserSnapshot,
    proof: Proof,
}

/// What comes after a right first proof.
#[derive(Debug)]
pub enum Next {
    /// Nothing more is owed.
    Authenticated(Authenticated),
    /// The user has a second factor: mfa-svc decides.
    AskGate(Accepted),
}

/// What comes after the gate.
#[derive(Debug)]
pub enum AfterGate {
    /// The second factor was given in this browser before. It gets a new token.
    Authenticated(Authenticated, DeviceToken),
    /// The sign-in goes on at mfa-svc.
    FactorOwed(FactorOwed),
}

/// Judges a password sign-in. Whoever is missing, the refusal is the same; what
/// else is wrong is told only to who knew the password (contract 4.3).
pub fn accept(
    user: Option<UserSnapshot>,
    password_matches: bool,
    verification_required: bool,
    now: Timestamp,
) -> Result<Accepted, Refusal> {
    let user = user.filter(|_| password_matches).ok_or(Refusal::InvalidEmailOrPassword)?;
    if verification_required && !user.user.email_verified {
        return Err(Refusal::EmailNotVerified);
    }
    if user.user.is_banned(now) {
        return Err(Refusal::BannedUser);
    }
    Ok(Accepted { user, first: FirstProof::Password, asks: Asks::SecondFactor })
}

/// Judges a sign-in for which a social provider vouches. Whether the address is proved
/// does not matter here (contract 8.7).
pub fn accept_social(user: UserSnapshot, asks: Asks, now: Timestamp) -> Result<Accepted, Refusal> {
    if user.user.is_banned(now) {
        return Err(Refusal::BannedUser);
    }
    Ok(Accepted { user, first: FirstProof::Social, asks })
}

impl Accepted {
    #[must_use]
    pub fn user(&self) -> &UserSnapshot {
        &self.user
    }

    #[must_use]
    pub fn first(&self) -> FirstProof {
        self.first
    }

    /// Whether a second factor is owed.
    #[must_use]
    pub fn next(self) -> Next {
        let proof = match (self.first, self.asks) {
            (FirstProof::Password, _) => Proof::Password,
            (FirstProof::Social, Asks::SecondFactor) => Proof::Social,
            (FirstProof::Social, Asks::NothingMore) => Proof::SocialWithSecondFactor,
        };
        if proof.suffices_for(&self.user.user) {
            Next::Authenticated(Authenticated { user: self.user, proof })
        } else {
            Next::AskGate(self)
        }
    }

    /// Goes on as mfa-svc said.
    #[must_use]
    pub fn after_gate(self, answer: GateAnswer) -> AfterGate {
        match answer {
            GateAnswer::DeviceTrusted { device } => {
                let proof = match self.first {
                    FirstProof::Password => Proof::PasswordOnTrustedDevice,
                    FirstProof::Social => Proof::SocialOnTrustedDevice,
                };
                AfterGate::Authenticated(Authenticated { user: self.user, proof }, device)
            }
            GateAnswer::FactorOwed(owed) => AfterGate::FactorOwed(owed),
        }
    }
}

impl Authenticated {
    /// Somebody who has just signed up has just proved what they chose.
    #[must_use]
    pub fn by_sign_up(user: UserSnapshot) -> Self {
        Self { user, proof: Proof::SignUp }
    }

    #[must_use]
    pub fn into_parts(self) -> (UserSnapshot, Proof) {
        (self.user, self.proof)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as a lookup would give it")]
    fn user(change: impl FnOnce(&mut contract::user::User)) -> Option<UserSnapshot> {
        let golden = include_str!("../../../crates/contract/golden/session.v1.user-changed.json");
        let changed: contract::session::UserChanged = serde_json::from_str(golden).expect("golden");
        let mut user = changed.user;
        change(&mut user.user);
        Some(user)
    }

    fn now() -> Timestamp {
        user(|_| ()).expect("some").user.created_at
    }

    #[test]
    fn nobody_learns_whether_the_user_or_the_password_was_wrong() {
        let wrong = accept(user(|_| ()), false, false, now()).map(|_| ());
        let unknown = accept(None, true, false, now()).map(|_| ());
        assert_eq!(wrong, Err(Refusal::InvalidEmailOrPassword));
        assert_eq!(unknown, wrong);
    }

    #[test]
    fn a_ban_and_a_missing_verification_are_told_only_after_the_password() {
        let banned = || user(|user| user.banned = true);
        let unverified = || user(|user| user.email_verified = false);
        assert_eq!(
            accept(banned(), false, true, now()).map(|_| ()),
            Err(Refusal::InvalidEmailOrPassword)
        );
        assert_eq!(accept(banned(), true, true, now()).map(|_| ()), Err(Refusal::BannedUser));
        assert_eq!(
            accept(unverified(), false, true, now()).map(|_| ()),
            Err(Refusal::InvalidEmailOrPassword)
        );
        assert_eq!(
            accept(unverified(), true, true, now()).map(|_| ()),
            Err(Refusal::EmailNotVerified)
        );
        assert!(accept(unverified(), true, false, now()).is_ok());
    }

    #[test]
    fn a_provider_is_a_second_factor_only_where_the_operator_says_so() {
        let with_factor = || user(|user| user.two_factor_enabled = true).expect("some");
        let next = |asks| accept_social(with_factor(), asks, now()).expect("accepted").next();
        assert!(matches!(next(Asks::SecondFactor), Next::AskGate(_)));
        let Next::Authenticated(authenticated) = next(Asks::NothingMore) else { panic!("asked") };
        assert_eq!(authenticated.into_parts().1, Proof::SocialWithSecondFactor);
        let banned = user(|user| user.banned = true).expect("some");
        let judged = accept_social(banned, Asks::NothingMore, now()).map(|_| ());
        assert_eq!(judged, Err(Refusal::BannedUser));
    }

    #[test]
    fn a_user_with_a_second_factor_meets_the_gate() {
        let with_factor = user(|user| user.two_factor_enabled = true);
        let next = accept(with_factor, true, true, now()).expect("accepted").next();
        let Next::AskGate(accepted) = next else { panic!("let through: {next:?}") };
        let golden = include_str!("../../../crates/contract/golden/mfa.v1.gate.reply.json");
        let contract::Answer::Done(owed) = serde_json::from_str(golden).expect("golden") else {
            panic!("done")
        };
        assert!(matches!(accepted.after_gate(owed), AfterGate::FactorOwed(_)));
    }
}
