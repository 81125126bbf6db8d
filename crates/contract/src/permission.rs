//! What a role may do on the admin routes (contract 5.1).
//!
//! A request is granted when one single role authorises the whole of it: two roles
//! that each authorise half grant nothing.

use std::collections::BTreeMap;

use auth_types::{Roles, Timestamp};

use crate::{Refusal, user::User};

/// Actions asked for, by resource.
pub type Asked = BTreeMap<String, Vec<String>>;

/// What a role may do with a resource. Only `admin` may do anything here; `user`
/// and `subuser` are told apart by the application's routes, and a role nobody
/// knows grants nothing.
fn actions(role: &str, resource: &str) -> &'static [&'static str] {
    match (role, resource) {
        (Roles::ADMIN, "user") => &[
            "create",
            "list",
            "set-role",
            "ban",
            "impersonate",
            "delete",
            "set-password",
            "set-email",
            "set-phone",
            "get",
            "update",
        ],
        (Roles::ADMIN, "session") => &["list", "revoke", "delete"],
        _ => &[],
    }
}

fn authorises(role: &str, asked: &Asked) -> bool {
    let holds = |(resource, wanted): (&String, &Vec<String>)| {
        let held = actions(role, resource);
        !wanted.is_empty() && wanted.iter().all(|action| held.contains(&action.as_str()))
    };
    !asked.is_empty() && asked.iter().all(holds)
}

/// Whether these roles grant the request. Asking for nothing is granted nothing.
#[must_use]
pub fn grants(roles: &Roles, asked: &Asked) -> bool {
    roles.as_str().split(',').any(|role| authorises(role, asked))
}

macro_rules! permissions {
    ($($name:ident = $resource:literal $action:literal $refusal:ident;)+) => {
        /// What an admin route asks of its caller.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Permission {
            $($name,)+
        }

        impl Permission {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            fn wanted(self) -> (&'static str, &'static str) {
                match self { $(Self::$name => ($resource, $action),)+ }
            }

            /// The answer to who does not have it.
            #[must_use]
            pub fn refusal(self) -> Refusal {
                match self { $(Self::$name => Refusal::$refusal,)+ }
            }
        }
    };
}

permissions! {
    CreateUser     = "user" "create"       MayNotCreateUsers;
    GetUser        = "user" "get"          MayNotGetUser;
    ListUsers      = "user" "list"         MayNotListUsers;
    UpdateUser     = "user" "update"       MayNotUpdateUsers;
    SetRole        = "user" "set-role"     MayNotSetRole;
    SetEmail       = "user" "set-email"    MayNotSetEmail;
    SetPassword    = "user" "set-password" MayNotSetPassword;
    Ban            = "user" "ban"          MayNotBanUsers;
    Impersonate    = "user" "impersonate"  MayNotImpersonate;
    DeleteUser     = "user" "delete"       MayNotDeleteUsers;
    ListSessions   = "session" "list"      MayNotListSessions;
    RevokeSessions = "session" "revoke"    MayNotRevokeSessions;
}

impl Permission {
    #[must_use]
    pub fn is_held_by(self, roles: &Roles) -> bool {
        let (resource, action) = self.wanted();
        grants(roles, &Asked::from([(resource.to_owned(), vec![action.to_owned()])]))
    }
}

/// Whether an admin may act as this user (contract 5.5).
pub fn check_impersonable(user: &User, now: Timestamp) -> Result<(), Refusal> {
    if user.role.includes(Roles::ADMIN) {
        return Err(Refusal::CannotImpersonateAdmins);
    }
    if user.is_banned(now) { Err(Refusal::BannedUser) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn roles(text: &str) -> Roles {
        serde_json::from_value(text.into()).expect("roles are text")
    }

    fn asked(wanted: &[(&str, &[&str])]) -> Asked {
        let own = |actions: &[&str]| actions.iter().map(|action| (*action).to_owned()).collect();
        wanted.iter().map(|(resource, actions)| ((*resource).to_owned(), own(actions))).collect()
    }

    #[test]
    fn an_admin_may_everything_but_impersonate_admins() {
        let admin = Roles::admin();
        assert!(Permission::ALL.iter().all(|permission| permission.is_held_by(&admin)));
        assert!(grants(&admin, &asked(&[("user", &["list", "ban"]), ("session", &["delete"])])));
        assert!(!grants(&admin, &asked(&[("user", &["impersonate-admins"])])));
    }

    #[test]
    fn asking_for_nothing_or_for_something_unknown_is_denied() {
        for wanted in [
            &[][..],
            &[("user", &[][..])],
            &[("user", &["list"]), ("session", &[])],
            &[("server", &["list"])],
            &[("user", &["fly"])],
        ] {
            assert!(!grants(&Roles::admin(), &asked(wanted)), "{wanted:?}");
        }
    }

    fn any_request() -> impl Strategy<Value = Asked> {
        let resource = prop_oneof!["user", "session", "[a-z]{0,6}"];
        let action = prop_oneof!["list", "ban", "revoke", "impersonate-admins", "[a-z-]{0,8}"];
        prop::collection::btree_map(resource, prop::collection::vec(action, 0..4), 0..4)
    }

    proptest! {
        #[test]
        fn who_is_no_admin_is_granted_nothing(text in "(user|subuser|Admin| admin|administrator|root|,){0,5}", request in any_request()) {
            let held = roles(&text);
            prop_assume!(!held.includes(Roles::ADMIN));
            prop_assert!(!grants(&held, &request));
        }

        #[test]
        fn other_roles_neither_add_nor_take_away(others in "(,user|,subuser|,root){0,3}", request in any_request()) {
            let alone = grants(&Roles::admin(), &request);
            prop_assert_eq!(grants(&roles(&format!("admin{others}")), &request), alone);
        }

        #[test]
        fn asking_for_more_is_never_granted_more(request in any_request(), resource in "user|session|[a-z]{1,4}", action in "[a-z-]{1,8}") {
            let mut more = request.clone();
            more.entry(resource).or_default().push(action);
            let (less, more) = (grants(&Roles::admin(), &request), grants(&Roles::admin(), &more));
            prop_assert!(less || !more || request.is_empty() || request.values().any(Vec::is_empty));
        }
    }
}
