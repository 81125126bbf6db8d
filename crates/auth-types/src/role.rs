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

    #[must_use]
    pub fn admin() -> Self {
        Self(Self::ADMIN.into())
    }

    #[must_use]
    pub fn user() -> Self {
        Self(Self::USER.into())
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
}
