//! What clients ask over HTTP, through the gateway.

pub mod list_sessions;
pub mod revoke;
pub mod sign_out;

use serde::Serialize;

/// `{"status":true}`
#[derive(Debug, Serialize)]
pub struct Status {
    status: bool,
}

impl Status {
    pub const OK: Self = Self { status: true };
}
