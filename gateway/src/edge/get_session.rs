//! `GET /api/auth/get-session` (contract 3.3, 3.4): the hottest route there is.

use bytes::Bytes;
use contract::{
    cookies::Remember,
    schema::{Problem, SessionAndUser},
};
use http::{HeaderMap, StatusCode};
use service_kit::{Fault, While, current::asks_not_to_refresh, fault::Chain};

use crate::{
    answer::Answer,
    ctx::Ctx,
    session::{Principal, Standing},
    state::Gateway,
};

/// The caller's session and who they are, or `null`.
///
/// A session that has spent a day of its life is extended on the way.
#[utoipa::path(
    get, path = "/api/auth/get-session", tag = "session", operation_id = "getSession",
    params(
        ("disableRefresh" = Option<String>, Query, description = "Any value but the empty one: do not extend"),
        ("disableCookieCache" = Option<String>, Query, description = "Accepted; there is no cookie cache"),
    ),
    responses(
        (status = OK, description = "`null` without a session", body = Option<SessionAndUser>),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = Problem),
        (status = SERVICE_UNAVAILABLE, description = "The stores do not answer", body = Problem),
    )
)]
pub async fn answer(
    gateway: &Gateway,
    headers: &HeaderMap,
    query: Option<&str>,
    ctx: &mut Ctx,
) -> Result<Answer, Fault> {
    let (standing, cookies) = match gateway.sessions.find(headers, ctx.now).await? {
        Standing::Live(principal) if is_due(gateway, &principal, headers, query, ctx) => {
            extend(gateway, principal, headers).await
        }
        standing => (standing, Vec::new()),
    };
    let answer = match standing {
        Standing::Anonymous => none(),
        Standing::Over => none().with_cookies(gateway.deployment.cookies.clear_session())?,
        Standing::Live(principal) => {
            let answer = Answer::json(StatusCode::OK, body(&principal)?).with_cookies(cookies)?;
            ctx.principal = Some(principal);
            answer
        }
    };
    Ok(answer.with_pragma())
}

fn none() -> Answer {
    Answer::json(StatusCode::OK, "null")
}

fn body(principal: &Principal) -> Result<Bytes, Fault> {
    principal.cached.written(|| write(principal)).doing("writing a session").cloned()
}

fn write(principal: &Principal) -> serde_json::Result<Bytes> {
    let live = principal.live();
    let session = serde_json::to_string(&live.session.view(principal.token.expose()))?;
    let user = serde_json::to_string(&live.user)?;
    Ok(format!(r#"{{"session":{session},"user":{user}}}"#).into())
}

fn is_due(
    gateway: &Gateway,
    principal: &Principal,
    headers: &HeaderMap,
    query: Option<&str>,
    ctx: &Ctx,
) -> bool {
    principal.live().session.is_due(ctx.now)
        && gateway.deployment.cookies.dont_remember(headers) == Remember::Yes
        && !asks_not_to_refresh(query)
}

/// A session that cannot be extended now is good as it is, and will be asked about
/// again soon.
async fn extend(
    gateway: &Gateway,
    principal: Principal,
    headers: &HeaderMap,
) -> (Standing, Vec<String>) {
    let cookies = &gateway.deployment.cookies;
    match gateway.sessions.extend(&principal).await {
        Ok(Some(extended)) => {
            let had = cookies.dont_remember(headers);
            let lines = cookies.set_session(&extended.token, Remember::Yes, had);
            (Standing::Live(extended), lines)
        }
        Ok(None) => (Standing::Over, Vec::new()),
        Err(fault) => {
            tracing::warn!(error = %Chain(&fault), "a session was not extended");
            (Standing::Live(principal), Vec::new())
        }
    }
}
