//! A user, as clients see one (contract 1.7).

use auth_types::{Email, Roles, Timestamp, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// All fields are always present; what is not set is `null`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub name: String,
    #[schema(value_type = String, format = "email")]
    pub email: Email,
    pub email_verified: bool,
    #[schema(required)]
    pub image: Option<String>,
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    /// Names separated by commas.
    #[schema(value_type = String)]
    pub role: Roles,
    pub banned: bool,
    #[schema(required)]
    pub ban_reason: Option<String>,
    #[schema(required, value_type = Option<String>, format = "date-time")]
    pub ban_expires: Option<Timestamp>,
    pub two_factor_enabled: bool,
    #[schema(value_type = String)]
    pub id: UserId,
}

impl User {
    /// Whether a ban is in force. A ban is over at its expiry (contract 5.4).
    #[must_use]
    pub fn is_banned(&self, now: Timestamp) -> bool {
        self.banned && self.ban_expires.is_none_or(|expires| now < expires)
    }
}

/// A user as they were at one version of their row. Versions only grow, so the
/// newer of two snapshots is known whatever order they arrive in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSnapshot {
    pub version: i64,
    pub user: User,
}
