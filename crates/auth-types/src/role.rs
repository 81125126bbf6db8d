//! What a person may do.

use serde::{Deserialize, Serialize};

/// Roles of a user, as the column has them: names separated by commas, not
/// trimmed, case-sensitive (contract 5.1). Unknown names grant nothing.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
#[cfg_attr(feature = "sqlx", derive(sqlx::Type), sqlx(transparent))]
pub struct Roles(String);

impl Roles {
    pub const ADMIN: &str = "admin";
    pub const USER: &str = "user";
    /// Sees only the servers that others share with them.
    pub const SUBUSER: &str = "subuser";
    /// Every role there is.
    pub const ALL: [&str; 3] = [Self::ADMIN, Self::USER, Self::SUBUSER];

    #[must_use]
    pub fn admin() -> Self {
        Self(Self::ADMIN.into())
    }

    #[must_use]
    pub fn user() -> Self {
        Self(Self::USER.into())
    }

    /// The roles of these names, each once; nothing when one of them does not
    /// exist, or there is none. A name may itself be a list with commas.
    #[must_use]
    pub fn named<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<Self> {
        let mut held: Vec<&str> = Vec::new();
        for name in names.into_iter().flat_map(|name| name.split(',')) {
            let role = Self::ALL.into_iter().find(|role| *role == name)?;
            if !held.contains(&role) {
                held.push(role);
            }
        }
        (!held.is_empty()).then(|| Self(held.join(",")))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    #[must_use]
    pub fn includes(&self, role: &str) -> bool {
        self.0.split(',').any(|held| held == role)
    }

    #[must_use]
    pub fn includes_any(&self, roles: &[String]) -> bool {
        roles.iter().any(|role| self.includes(role))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_held_whole_or_not_at_all() {
        let roles: Roles = serde_json::from_str(r#""user,admin""#).expect("text");
        assert!(roles.includes("admin") && roles.includes("user"));
        assert!(!roles.includes("adm") && !roles.includes("user,admin"));
        assert!(!Roles(" admin".into()).includes("admin"));
    }

    #[test]
    fn roles_that_do_not_exist_can_not_be_given() {
        let named =
            |names: &[&'static str]| Roles::named(names.iter().copied()).map(|roles| roles.0);
        assert_eq!(named(&["user", "admin", "user"]), Some("user,admin".into()));
        assert_eq!(named(&["user,subuser"]), Some("user,subuser".into()));
        for names in
            [&["root"][..], &["admin", "root"], &["Admin"], &[" admin"], &[""], &["user,"], &[]]
        {
            assert_eq!(named(names), None, "{names:?}");
        }
    }
}
