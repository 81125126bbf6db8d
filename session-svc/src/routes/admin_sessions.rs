//! `POST /api/auth/admin/list-user-sessions`, `/revoke-user-session` and
//! `/revoke-user-sessions` (contract 5.3)

use auth_types::{SessionToken, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    permission::Permission,
    schema::AdminRefused,
    session::{Session, SessionView},
};
use http::HeaderMap;
use serde::Serialize;
use serde_json::json;
use service_kit::{Answered, Error, Now, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    metrics::AdminAction,
    promises, revocation,
    store::{pending_revocations::Ending, sessions},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct OfUser {
    user_id: String,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct RevokeUserSession {
    /// The session's `token` in `list-user-sessions`.
    session_token: String,
}

#[derive(Serialize, ToSchema)]
pub struct SessionsOfUser {
    sessions: Vec<SessionView<'static>>,
}

#[derive(Serialize, ToSchema)]
pub struct Success {
    success: bool,
}

/// A user's sessions.
///
/// Also shows sessions that are over and those of admins who act as the user.
/// Under `token` stands the session's id, which revokes it and opens nothing.
#[utoipa::path(
    post, path = "/api/auth/admin/list-user-sessions", tag = "admin", operation_id = "listUserSessions",
    request_body = OfUser,
    responses((status = OK, description = "All of them", body = SessionsOfUser), AdminRefused)
)]
pub async fn list_user_sessions(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let user = UserId::from(body.fields()?.only_id("userId")?);
    let caller = app.admin(&headers, now, Permission::ListSessions).await?;
    app.acted(&caller, AdminAction::ListUserSessions, &user);
    let listed = sessions::list_all(&app.db, &user).await;
    let view = |session: &Session| json!(session.view(session.id.as_str()));
    let body = |sessions: Vec<Session>| json!({ "sessions": sessions.iter().map(view).collect::<Vec<_>>() });
    caller.answer(listed.map(body).map(Json).map_err(Error::from))
}

/// Ends one session of any user.
///
/// Takes what `list-user-sessions` gave. What names no session changes nothing.
#[utoipa::path(
    post, path = "/api/auth/admin/revoke-user-session", tag = "admin", operation_id = "revokeUserSession",
    request_body = RevokeUserSession,
    responses((status = OK, description = "Done, or nothing to do", body = Success), AdminRefused)
)]
pub async fn revoke_user_session(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let named = fields.string("sessionToken");
    fields.finish()?;
    let named = named.unwrap_or_default();
    let caller = app.admin(&headers, now, Permission::RevokeSessions).await?;
    let token = SessionToken::parse(&named).map(|token| token.digest());
    let revoked = async {
        if let Some(owner) = sessions::find_owner(&app.db, &named, token).await? {
            app.acted(&caller, AdminAction::RevokeUserSession, &owner);
        }
        revocation::revoke(&app, Ending::Anybodys { id: &named, token }).await?;
        Ok(Json(SUCCESS))
    };
    let revoked = revoked.await;
    caller.answer(revoked)
}

/// Ends all sessions of a user. No browser of theirs is trusted any more.
#[utoipa::path(
    post, path = "/api/auth/admin/revoke-user-sessions", tag = "admin", operation_id = "revokeUserSessions",
    request_body = OfUser,
    responses((status = OK, description = "Done", body = Success), AdminRefused)
)]
pub async fn revoke_user_sessions(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let user = UserId::from(body.fields()?.only_id("userId")?);
    let caller = app.admin(&headers, now, Permission::RevokeSessions).await?;
    app.acted(&caller, AdminAction::RevokeUserSessions, &user);
    let revoked = async {
        promises::forget_devices(&app, &user).await?;
        revocation::revoke(&app, Ending::All(&user)).await?;
        Ok(Json(SUCCESS))
    };
    let revoked = revoked.await;
    caller.answer(revoked)
}

const SUCCESS: Success = Success { success: true };
