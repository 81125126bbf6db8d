//! What clients ask over HTTP, through the gateway.

pub mod admin_sessions;
pub mod list_sessions;
pub mod revoke;
pub mod sign_out;
pub mod update_session;

use serde::Serialize;
use utoipa::ToSchema;

/// `{"status":true}`
#[derive(Debug, Serialize, ToSchema)]
pub struct Status {
    status: bool,
}

impl Status {
    pub const OK: Self = Self { status: true };
}

/// A body that has to be JSON, and of which nothing is read.
#[derive(ToSchema)]
pub struct Nothing {}
