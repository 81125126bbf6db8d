//! `POST /api/auth/sign-out` (contract 3.10)

use axum::{Json, extract::State, response::IntoResponse};
use http::HeaderMap;
use serde_json::json;
use service_kit::{Answered, WithCookies, body::JsonBody};

use crate::{app::App, revocation, store::pending_revocations::Ending};

/// Needs no session, and always clears the cookies; but not when the session
/// could not be ended, or a client would believe itself signed out.
pub async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
    _body: JsonBody,
) -> Answered<impl IntoResponse> {
    let cookies = &app.deployment.cookies;
    if let Some(token) = cookies.session_token(&headers) {
        revocation::revoke(&app, Ending::Of(token.digest())).await?;
    }
    Ok(WithCookies(cookies.clear_session().into(), Json(json!({ "success": true }))))
}
