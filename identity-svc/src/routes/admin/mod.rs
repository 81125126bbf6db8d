//! The admin routes (contract 5), but for those about sessions, which are
//! session-svc's. What they change, they change by way of `crate::admin`.

pub mod ban;
pub mod create_user;
pub mod data;
pub mod get_user;
pub mod has_permission;
pub mod impersonation;
pub mod list_users;
pub mod remove_user;
pub mod set_password;
pub mod set_role;
pub mod update_user;

use contract::user::User;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct OfUser {
    user_id: String,
}

/// Roles: one, or a list of them.
#[derive(ToSchema)]
#[serde(untagged)]
pub enum GivenRoles {
    One(String),
    Several(Vec<String>),
}

/// A body that has to be JSON, and of which nothing is read.
#[derive(ToSchema)]
pub struct Nothing {}

#[derive(Serialize, ToSchema)]
pub struct TheUser {
    user: User,
}
