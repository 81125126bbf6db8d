//! What clients ask over HTTP, through the gateway.

pub mod backup_codes;
pub mod disable;
pub mod enable;
pub mod passkey;
pub mod send_otp;
pub mod totp_uri;
pub mod trusted_devices;
pub mod verify;

use secrecy::SecretString;
use serde::Serialize;
use service_kit::{Error, body::JsonBody};
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

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct Password {
    password: String,
}

/// The body of a route that asks for nothing but the password.
fn password(body: JsonBody) -> Result<SecretString, Error> {
    let fields = body.fields()?;
    let password = fields.string("password");
    fields.finish()?;
    Ok(password.unwrap_or_default().into())
}
