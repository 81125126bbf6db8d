//! `/api/auth/passkey/*` (contract 7)

pub mod authenticate;
pub mod manage;
pub mod register;

use serde::Serialize;
use utoipa::ToSchema;

use crate::model::{passkey::Passkey, webauthn::credential_name};

/// A credential that a browser may look for (WebAuthn 3, 5.8.3).
#[derive(Debug, Serialize, ToSchema)]
pub struct CredentialDescriptor {
    /// Base64url without padding.
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    transports: Option<Vec<String>>,
    r#type: &'static str,
}

impl CredentialDescriptor {
    fn of(passkey: &Passkey) -> Self {
        Self {
            id: credential_name(&passkey.credential_id),
            transports: passkey.transport_words(),
            r#type: "public-key",
        }
    }
}

/// In milliseconds, as options have it.
fn timeout_millis() -> u64 {
    u64::try_from(crate::model::webauthn::relying_party::TIMEOUT.as_millis()).unwrap_or(u64::MAX)
}
