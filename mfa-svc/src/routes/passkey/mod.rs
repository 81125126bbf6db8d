//! `/api/auth/passkey/*` (contract 7)

pub mod authenticate;
pub mod manage;
pub mod register;

use auth_types::Timestamp;
use contract::Refusal;
use http::HeaderMap;
use serde::{Serialize, de::DeserializeOwned};
use service_kit::Error;
use utoipa::ToSchema;

use crate::{
    app::App,
    model::{passkey::Passkey, webauthn::credential_name},
    store::ceremonies::{self, Ceremony, Kind},
};

/// The ceremony that this browser has begun. It is used up before anything of the response
/// is looked at, whatever comes of it.
async fn consume<S: DeserializeOwned>(
    app: &App,
    headers: &HeaderMap,
    kind: Kind,
    now: Timestamp,
) -> Result<Ceremony<S>, Error> {
    let token = app.deployment.cookies.ceremony(headers).ok_or(Refusal::ChallengeNotFound)?;
    // Many who come with one ceremony wait here, and not each with a connection to Postgres.
    let _turn = app.turns.wait(token.digest()).await;
    let ceremony = ceremonies::consume(&app.db, token.digest(), kind, now).await?;
    ceremony.ok_or_else(|| Refusal::ChallengeNotFound.into())
}

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
