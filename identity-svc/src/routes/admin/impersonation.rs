//! `POST /api/auth/admin/impersonate-user` and `/stop-impersonating` (contract 5.5)
//!
//! An admin who acts as somebody else holds that user's session and nothing more.
//! Their own waits in a cookie of its own, until they stop.

use auth_types::{Timestamp, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    cookies::AdminSession,
    permission::{Permission, check_impersonable},
    schema::{AdminRefused, SessionAndUser},
    session::{ClientInfo, Impersonate, LiveSession, ResolveSession, RevokeSession, SessionOpened},
    user::{User, UserSnapshot},
};
use http::{HeaderMap, StatusCode};
use serde_json::json;
use service_kit::{
    AdminCaller, Answered, Client, Current, Error, Now, WithCookies, body::JsonBody,
};

use crate::{
    admin::NO_SUCH_USER,
    app::App,
    metrics::AdminAction,
    routes::admin::{Nothing, OfUser},
    store::users,
};

/// Opens a session in which the caller acts as a user, for an hour.
#[utoipa::path(
    post, path = "/api/auth/admin/impersonate-user", tag = "admin", operation_id = "impersonateUser",
    request_body = OfUser,
    responses((status = OK, description = "The session", body = SessionAndUser), AdminRefused)
)]
pub async fn impersonate_user(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let target = UserId::from(body.fields()?.only_id("userId")?);
    let caller = app.admin(&headers, now, Permission::Impersonate).await?;
    let (opened, user) = match start(&app, &caller, &target, client, now).await {
        Ok(started) => started,
        Err(error) => return caller.answer(Err(error)),
    };
    app.acted(&caller, AdminAction::ImpersonateUser, target.as_str());
    let cookies = &app.deployment.cookies;
    let token = caller.current().token.clone();
    let own = AdminSession { token, remember: cookies.dont_remember(&headers) };
    let lines = cookies.start_impersonation(&own, &opened.token);
    let session = opened.session.view(opened.token.expose());
    Ok(WithCookies(lines, Json(json!({ "session": session, "user": user }))))
}

/// The rules are asked here for a quick answer, and in session-svc for a true one.
async fn start(
    app: &App,
    caller: &AdminCaller,
    target: &UserId,
    client: ClientInfo,
    now: Timestamp,
) -> Result<(SessionOpened, User), Error> {
    let user = users::find_by_id(&app.db, target).await?.ok_or(NO_SUCH_USER)?;
    check_impersonable(&user.user, now)?;
    let user = without_expired_ban(app, user, now).await?;
    let call = Impersonate { user: user.clone(), from: caller.current().digest(), client };
    let opened = app.bus.request(&call).await?;
    Ok((opened, user.user))
}

/// Every session that opens ends a ban whose time is over (contract 5.4).
async fn without_expired_ban(
    app: &App,
    user: UserSnapshot,
    now: Timestamp,
) -> Result<UserSnapshot, Error> {
    if !user.user.banned {
        return Ok(user);
    }
    Ok(users::lift_expired_ban(&app.db, &user.user.id, now).await?.unwrap_or(user))
}

/// Ends the session that was borrowed, and goes back to the admin's own.
#[utoipa::path(
    post, path = "/api/auth/admin/stop-impersonating", tag = "admin", operation_id = "stopImpersonating",
    request_body = Nothing,
    responses((status = OK, description = "The caller's own session", body = SessionAndUser), AdminRefused)
)]
pub async fn stop_impersonating(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    _body: JsonBody,
) -> Answered<impl IntoResponse> {
    let cookies = &app.deployment.cookies;
    let current = match Current::find_any(&app.bus, cookies, &headers, now).await? {
        (Some(current), _) => current,
        (None, clears) => return Err(WithCookies(clears, Error::Empty(StatusCode::UNAUTHORIZED))),
    };
    let (kept, own) = match own_session(&app, &current, &headers).await {
        Ok(own) => own,
        Err(error) => return current.answer(Err(error)),
    };
    app.bus.request(&RevokeSession { digest: current.digest() }).await.map_err(Error::from)?;
    app.stopped_impersonating(&own, current.live.user.id.as_str());
    let lines = cookies.stop_impersonation(&kept, cookies.dont_remember(&headers));
    let session = own.session.view(kept.token.expose());
    Ok(WithCookies(lines, Json(json!({ "session": session, "user": own.user }))))
}

/// The admin's own session, if it is there, stands, and is of the admin who started
/// this. Where it is not, a client's cookies are at fault: the original says 500.
async fn own_session(
    app: &App,
    current: &Current,
    headers: &HeaderMap,
) -> Result<(AdminSession, LiveSession), Error> {
    let message = |text: &str| Error::Message(text.to_owned());
    let Some(admin) = &current.live.session.impersonated_by else {
        return Err(message("You are not impersonating anyone"));
    };
    let missing = || message("Failed to find admin session");
    let kept = app.deployment.cookies.admin_session(headers).ok_or_else(missing)?;
    let own = app.bus.request(&ResolveSession { digest: kept.token.digest() }).await?;
    let is_own = |own: &LiveSession| own.user.id == *admin && own.session.impersonated_by.is_none();
    Ok((kept, own.filter(is_own).ok_or_else(missing)?))
}
