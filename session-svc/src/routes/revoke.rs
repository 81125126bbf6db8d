//! `POST /api/auth/revoke-session`, `/revoke-sessions`, `/revoke-other-sessions`
//! (contract 3.6 to 3.8)

use auth_types::SessionToken;
use axum::{Json, extract::State, response::IntoResponse};
use contract::schema::Refused;
use http::HeaderMap;
use service_kit::{Answered, Now, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    promises, revocation,
    routes::{Nothing, Status},
    store::pending_revocations::Ending,
};

/// A session, as `list-sessions` names it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct RevokeSession {
    token: String,
}

/// Ends one of the caller's sessions.
///
/// Takes what `list-sessions` gave: the caller's own token, or another session's
/// id. What is unknown or somebody else's changes nothing and looks the same.
#[utoipa::path(
    post, path = "/api/auth/revoke-session", tag = "session", operation_id = "revokeSession",
    request_body = RevokeSession,
    responses((status = OK, description = "Done, or nothing to do", body = Status), Refused)
)]
pub async fn revoke_session(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let named = fields.string("token");
    fields.finish()?;
    let named = named.unwrap_or_default();
    let current = app.current(&headers, now).await?;

    let token = SessionToken::parse(&named).map(|token| token.digest());
    let user = &current.live.user.id;
    revocation::revoke(&app, Ending::Named { user, id: &named, token }).await?;

    let is_own = token == Some(current.digest()) || named == current.live.session.id.as_str();
    let cookies =
        if is_own { app.deployment.cookies.clear_session().into() } else { current.cookies };
    Ok(WithCookies(cookies, Json(Status::OK)))
}

/// Ends all of the caller's sessions, this one too.
#[utoipa::path(
    post, path = "/api/auth/revoke-sessions", tag = "session", operation_id = "revokeSessions",
    request_body = Nothing,
    responses((status = OK, description = "Done", body = Status), Refused)
)]
pub async fn revoke_sessions(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    _body: JsonBody,
) -> Answered<impl IntoResponse> {
    let current = app.current(&headers, now).await?;
    promises::forget_devices(&app, &current.live.user.id).await?;
    revocation::revoke(&app, Ending::All(&current.live.user.id)).await?;
    Ok(WithCookies(app.deployment.cookies.clear_session().into(), Json(Status::OK)))
}

/// Ends all of the caller's sessions but this one.
#[utoipa::path(
    post, path = "/api/auth/revoke-other-sessions", tag = "session", operation_id = "revokeOtherSessions",
    request_body = Nothing,
    responses((status = OK, description = "Done", body = Status), Refused)
)]
pub async fn revoke_other_sessions(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    _body: JsonBody,
) -> Answered<impl IntoResponse> {
    let current = app.current(&headers, now).await?;
    let session = &current.live.session;
    revocation::revoke(&app, Ending::AllBut(&session.user_id, &session.id)).await?;
    Ok(WithCookies(current.cookies, Json(Status::OK)))
}
