//! What an admin may change of a user (contract 5.3.2).

use auth_types::{Email, Roles, Timestamp};
use contract::{Refusal, permission::Permission, session::RevokeReason, user::User};

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    Name(String),
    Image(Option<String>),
    Email(Email),
    EmailVerified(bool),
    Role(Roles),
    Banned(bool),
    BanReason(Option<String>),
    BanExpires(Option<Timestamp>),
    /// Only the user can turn it on, because only they hold the authenticator.
    SecondFactorOff,
}

impl Change {
    /// What the change asks of an admin besides the permission to update users.
    #[must_use]
    pub fn permission(&self) -> Option<Permission> {
        match self {
            Self::Name(_) | Self::Image(_) | Self::SecondFactorOff => None,
            Self::Email(_) | Self::EmailVerified(_) => Some(Permission::SetEmail),
            Self::Role(_) => Some(Permission::SetRole),
            Self::Banned(_) | Self::BanReason(_) | Self::BanExpires(_) => Some(Permission::Ban),
        }
    }

    fn apply(self, user: &mut User) {
        match self {
            Self::Name(name) => user.name = name,
            Self::Image(image) => user.image = image,
            Self::Email(email) => user.email = email,
            Self::EmailVerified(verified) => user.email_verified = verified,
            Self::Role(role) => user.role = role,
            Self::Banned(banned) => user.banned = banned,
            Self::BanReason(reason) => user.ban_reason = reason,
            Self::BanExpires(expires) => user.ban_expires = expires,
            Self::SecondFactorOff => user.two_factor_enabled = false,
        }
    }
}

/// The user as they are after these changes.
#[must_use]
pub fn with(mut user: User, changes: impl IntoIterator<Item = Change>) -> User {
    for change in changes {
        change.apply(&mut user);
    }
    user
}

/// Admins do not lock themselves out. Others may, but only while they are still
/// admins themselves; so one always remains.
pub fn check_on_self(before: &User, after: &User) -> Result<(), Refusal> {
    let is_admin = |user: &User| user.role.includes(Roles::ADMIN);
    match () {
        () if after.banned => Err(Refusal::CannotBanSelf),
        () if is_admin(before) && !is_admin(after) => Err(Refusal::CannotDemoteSelf),
        () => Ok(()),
    }
}

/// Why a change ends the user's sessions, if it does.
#[must_use]
pub fn ends_sessions(before: &User, after: &User, now: Timestamp) -> Option<RevokeReason> {
    match () {
        // First, because more follows from it than from a ban.
        () if before.two_factor_enabled && !after.two_factor_enabled => {
            Some(RevokeReason::SecondFactorRemoved)
        }
        () if after.is_banned(now) => Some(RevokeReason::Banned),
        () => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn user(changes: impl IntoIterator<Item = Change>) -> User {
        let golden = include_str!("../../../crates/contract/golden/session.v1.user-changed.json");
        let call: contract::session::UserChanged = serde_json::from_str(golden).expect("golden");
        with(call.user.user, changes)
    }

    fn roles(names: &str) -> Change {
        Change::Role(Roles::named([names]).expect("roles"))
    }

    #[test]
    fn an_admin_keeps_the_role_and_stays() {
        let admin = || user([roles("admin")]);
        let judge = |change| check_on_self(&admin(), &user([roles("admin"), change]));
        assert_eq!(judge(roles("user")), Err(Refusal::CannotDemoteSelf));
        assert_eq!(judge(Change::Banned(true)), Err(Refusal::CannotBanSelf));
        for harmless in [roles("user,admin"), Change::Name("Bob".into()), Change::Banned(false)] {
            assert_eq!(judge(harmless), Ok(()));
        }
    }

    #[test]
    fn a_ban_and_a_second_factor_taken_away_end_sessions() {
        let now = user([]).created_at;
        let expires = |at| [Change::Banned(true), Change::BanExpires(Some(at))];
        let judge = |after: User| ends_sessions(&user([]), &after, now);
        assert_eq!(judge(user([Change::Banned(true)])), Some(RevokeReason::Banned));
        assert_eq!(judge(user(expires(now + Duration::from_secs(1)))), Some(RevokeReason::Banned));
        assert_eq!(judge(user(expires(now))), None);
        assert_eq!(judge(user([roles("admin"), Change::Name("Bob".into())])), None);
        let mut with_factor = user([]);
        with_factor.two_factor_enabled = true;
        let ended = ends_sessions(&with_factor, &user([Change::SecondFactorOff]), now);
        assert_eq!(ended, Some(RevokeReason::SecondFactorRemoved));
    }
}
