//! `POST /api/auth/sign-out` (contract 3.10)

use axum::{Json, extract::State, response::IntoResponse};
use contract::schema::Refused;
use http::HeaderMap;
use serde::Serialize;
use service_kit::{Answered, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{app::App, revocation, routes::Nothing, store::pending_revocations::Ending};

#[derive(Serialize, ToSchema)]
pub struct SignedOut {
    success: bool,
}

/// Ends the caller's session, and clears its cookies.
///
/// Needs no session, and always clears the cookies; but not when the session
/// could not be ended, or a client would believe itself signed out.
#[utoipa::path(
    post, path = "/api/auth/sign-out", tag = "session", operation_id = "signOut",
    request_body = Nothing,
    responses((status = OK, description = "Signed out", body = SignedOut), Refused)
)]
pub async fn sign_out(
    State(app): State<App>,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.optional_fields()?;
    fields.optional_string("callbackURL");
    fields.bool_or("disableRedirect", false);
    fields.optional_string("state");
    fields.finish()?;
    let cookies = &app.deployment.cookies;
    if let Some(token) = cookies.session_token(&headers) {
        revocation::revoke(&app, Ending::Of(token.digest())).await?;
    }
    Ok(WithCookies(cookies.clear_session().into(), Json(SignedOut { success: true })))
}
