//! Who somebody is here, after a provider has said who they are there (contract 8.7).
//!
//! An account belongs to whom it was given to, whatever its address is now. An address
//! alone makes nobody the owner of a user, unless both sides have proved it: a user whose
//! address was never proved may be a squatter's, waiting for the owner to walk in.

use auth_types::{Email, UserId};
use contract::user::{User, UserSnapshot};

use crate::model::social::{SocialFailure, SocialProfile};

/// Whether somebody whom nobody here knows may become a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignUps {
    Open,
    Closed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resolution {
    /// The account is theirs. `proves_address`: the provider has proved an address that
    /// nobody had proved here.
    SignIn { user: UserSnapshot, proves_address: bool },
    /// The user is theirs, and is to have this account from now on.
    Link { user: UserSnapshot },
    /// Nobody here yet.
    Create { email: Email },
}

/// `owner` has the account; `namesake` has the address.
pub fn resolve(
    profile: &SocialProfile,
    owner: Option<UserSnapshot>,
    namesake: Option<UserSnapshot>,
    sign_ups: SignUps,
) -> Result<Resolution, SocialFailure> {
    let email = profile.email.as_ref().ok_or(SocialFailure::EmailNotFound)?;
    if let Some(user) = owner {
        let proves_address =
            profile.email_verified && !user.user.email_verified && user.user.email == *email;
        return Ok(Resolution::SignIn { user, proves_address });
    }
    match namesake {
        Some(user) if profile.email_verified && user.user.email_verified => {
            Ok(Resolution::Link { user })
        }
        Some(_) => Err(SocialFailure::AccountNotLinked),
        None if sign_ups == SignUps::Closed => Err(SocialFailure::SignUpDisabled),
        None => Ok(Resolution::Create { email: email.clone() }),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkOutcome {
    /// They have it already; what the provider gave us is renewed.
    Known,
    New,
}

/// Judges whether somebody who is signed in may add an account (contract 8.9). `asked_as`
/// is the address they had when they asked.
///
/// A user whose own address is not proved adds none either: whoever was lured into a
/// squatter's session would hand them their way in.
pub fn check_link(
    profile: &SocialProfile,
    user: &User,
    asked_as: &Email,
    owner: Option<&UserId>,
) -> Result<LinkOutcome, SocialFailure> {
    if !profile.email_verified {
        return Err(SocialFailure::UnableToLinkAccount);
    }
    let email = profile.email.as_ref().ok_or(SocialFailure::EmailNotFound)?;
    if email != asked_as || *email != user.email {
        return Err(SocialFailure::EmailDoesNotMatch);
    }
    match owner {
        Some(owner) if *owner != user.id => Err(SocialFailure::LinkedToDifferentUser),
        Some(_) => Ok(LinkOutcome::Known),
        None if !user.email_verified => Err(SocialFailure::UnableToLinkAccount),
        None => Ok(LinkOutcome::New),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::social::{Provider, Subject};

    fn email(text: &str) -> Email {
        Email::parse(text).expect("an address")
    }

    fn profile(verified: bool) -> SocialProfile {
        SocialProfile {
            provider: Provider::GitHub,
            subject: Subject::parse("1").expect("a subject"),
            name: "Ann".into(),
            email: Some(email("ann@example.com")),
            email_verified: verified,
            image: None,
        }
    }

    fn user(verified: bool) -> UserSnapshot {
        let golden =
            include_str!("../../../../crates/contract/golden/session.v1.user-changed.json");
        let changed: contract::session::UserChanged = serde_json::from_str(golden).expect("golden");
        let mut user = changed.user;
        user.user.email = email("ann@example.com");
        user.user.email_verified = verified;
        user
    }

    fn elsewhere(verified: bool) -> UserSnapshot {
        let mut user = user(verified);
        user.user.email = email("other@example.com");
        user
    }

    /// Every combination of who vouches for what.
    #[test]
    fn the_table_of_sign_ins() {
        use Resolution::{Create, Link, SignIn};
        use SignUps::{Closed, Open};
        let judge = |profile, owner, namesake, open| resolve(&profile, owner, namesake, open);
        for theirs in [false, true] {
            for ours in [false, true] {
                let owned = judge(profile(theirs), Some(user(ours)), None, Closed);
                let proves_address = theirs && !ours;
                assert_eq!(owned, Ok(SignIn { user: user(ours), proves_address }));

                let other = judge(profile(theirs), Some(elsewhere(ours)), Some(user(true)), Closed);
                assert_eq!(other, Ok(SignIn { user: elsewhere(ours), proves_address: false }));

                let met = judge(profile(theirs), None, Some(user(ours)), Open);
                let expected = if theirs && ours {
                    Ok(Link { user: user(true) })
                } else {
                    Err(SocialFailure::AccountNotLinked)
                };
                assert_eq!(met, expected, "they: {theirs}, we: {ours}");
            }
            let created = judge(profile(theirs), None, None, Open);
            assert_eq!(created, Ok(Create { email: email("ann@example.com") }));
            let closed = judge(profile(theirs), None, None, Closed);
            assert_eq!(closed, Err(SocialFailure::SignUpDisabled));
        }
        let nameless = SocialProfile { email: None, ..profile(true) };
        let judged = judge(nameless, Some(user(true)), None, Open);
        assert_eq!(judged, Err(SocialFailure::EmailNotFound));
    }

    #[test]
    fn the_table_of_links() {
        use LinkOutcome::{Known, New};
        let (own, other) = (user(true).user.id, UserId::from("somebody else".to_owned()));
        let link = |profile: &SocialProfile, user: &UserSnapshot, owner| {
            check_link(profile, &user.user, &email("ann@example.com"), owner)
        };
        assert_eq!(link(&profile(true), &user(true), None), Ok(New));
        assert_eq!(link(&profile(true), &user(true), Some(&own)), Ok(Known));
        assert_eq!(link(&profile(true), &user(false), Some(&own)), Ok(Known));
        for (profile, user, owner, failure) in [
            (profile(false), user(true), None, SocialFailure::UnableToLinkAccount),
            (profile(false), user(true), Some(&own), SocialFailure::UnableToLinkAccount),
            (profile(true), user(false), None, SocialFailure::UnableToLinkAccount),
            (profile(true), elsewhere(true), None, SocialFailure::EmailDoesNotMatch),
            (profile(true), user(true), Some(&other), SocialFailure::LinkedToDifferentUser),
            (
                SocialProfile { email: None, ..profile(true) },
                user(true),
                None,
                SocialFailure::EmailNotFound,
            ),
        ] {
            assert_eq!(link(&profile, &user, owner), Err(failure), "{profile:?}");
        }
        let changed_since =
            check_link(&profile(true), &user(true).user, &email("old@example.com"), None);
        assert_eq!(changed_since, Err(SocialFailure::EmailDoesNotMatch));
    }
}
