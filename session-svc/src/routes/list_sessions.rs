//! `GET /api/auth/list-sessions` (contract 3.5)

use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    schema::Refused,
    session::{Session, SessionView},
};
use http::HeaderMap;
use service_kit::{Answered, Now, WithCookies};

use crate::{app::App, store::sessions};

/// The caller's sessions. Asks for one that is younger than a day.
///
/// Under `token` stands the caller's own token for their own session, and the
/// session's id for the others: enough to revoke one, not to be signed in by it.
#[utoipa::path(
    get, path = "/api/auth/list-sessions", tag = "session", operation_id = "listSessions",
    responses((status = OK, description = "At most 100", body = Vec<SessionView>), Refused)
)]
pub async fn list_sessions(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<impl IntoResponse> {
    let current = app.current(&headers, now).await?;
    current.require_fresh(now)?;
    let sessions = sessions::list(&app.db, &current.live.user.id, now).await?;
    let view = |session: &Session| {
        let own = session.id == current.live.session.id;
        let token = if own { current.token.expose() } else { session.id.as_str() };
        serde_json::json!(session.view(token))
    };
    let body: Vec<_> = sessions.iter().map(view).collect();
    Ok(WithCookies(current.cookies, Json(body)))
}
