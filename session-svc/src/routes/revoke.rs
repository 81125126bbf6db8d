//! `POST /api/auth/revoke-session`, `/revoke-sessions`, `/revoke-other-sessions`
//! (contract 3.6 to 3.8)

use auth_types::SessionToken;
use axum::{Json, extract::State, response::IntoResponse};
use http::HeaderMap;
use service_kit::{Answered, Now, WithCookies, body::JsonBody};

use crate::{
    app::App,
    revocation,
    routes::Status,
    store::pending_revocations::Ending,
};

/// Takes what `list-sessions` gave: the caller's own token, or another session's
/// id. What is unknown or somebody else's changes nothing and looks the same.
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

/// All of the caller's, this one too.
pub async fn revoke_sessions(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    _body: JsonBody,
) -> Answered<impl IntoResponse> {
    let current = app.current(&headers, now).await?;
    revocation::revoke(&app, Ending::All(&current.live.user.id)).await?;
    Ok(WithCookies(app.deployment.cookies.clear_session().into(), Json(Status::OK)))
}

/// All of the caller's but this one.
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
