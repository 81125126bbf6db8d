//! The body of one of StellarStack's own routes: a JSON object whose fields may
//! be missing, because the routes say themselves what they need (contract 16).

use std::sync::Arc;

use axum::extract::{FromRef, FromRequest, Request};
use contract::{
    PanelRefusal,
    origin::{SignsIn, TrustedOrigins},
};
use http::{StatusCode, header};
use serde_json::{Map, Value};
use service_kit::PanelError;

pub struct PanelBody(Map<String, Value>);

impl PanelBody {
    /// The text of a field; none when it is missing, empty or no text.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<String> {
        let text = self.0.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    }
}

impl<S> FromRequest<S> for PanelBody
where
    S: Send + Sync,
    Arc<TrustedOrigins>: FromRef<S>,
{
    type Rejection = PanelError;

    async fn from_request(request: Request, state: &S) -> Result<Self, PanelError> {
        let origins = Arc::<TrustedOrigins>::from_ref(state);
        let headers = request.headers().clone();
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let essence = content_type.and_then(|value| value.split(';').next()).map(str::trim);
        if !essence.is_some_and(|essence| essence.eq_ignore_ascii_case("application/json")) {
            return Err(PanelRefusal::MediaType.into());
        }
        let bytes = axum::body::Bytes::from_request(request, state).await;
        let bytes = bytes.map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => PanelRefusal::PayloadTooLarge,
            _ => PanelRefusal::InvalidJson,
        })?;
        let value = serde_json::from_slice(&bytes).map_err(|_| PanelRefusal::InvalidJson)?;
        origins.check(&headers, SignsIn::No).map_err(|_| PanelRefusal::InvalidOrigin)?;
        match value {
            Value::Object(fields) => Ok(Self(fields)),
            _ => Err(PanelRefusal::InvalidJson.into()),
        }
    }
}
