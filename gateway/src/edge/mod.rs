//! What the gateway answers without asking a service.

pub mod doctor;
pub mod get_session;
pub mod reference;
pub mod verify;
pub mod ws_token;

use auth_types::Timestamp;
use contract::{
    Refusal,
    jwt::Jwks,
    schema::{PanelProblem, Problem},
};
use http::{HeaderValue, StatusCode, header};
use pingora::http::RequestHeader;
use serde::Serialize;
use service_kit::Fault;
use utoipa::ToSchema;

use crate::{answer::Answer, ctx::Ctx, route_table::Edge, state::Gateway};

/// Keys change seldom, and a new one is published before it signs anything.
const JWKS_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub async fn answer(
    gateway: &Gateway,
    route: Edge,
    request: &RequestHeader,
    ctx: &mut Ctx,
) -> Result<Answer, Fault> {
    let (headers, query) = (&request.headers, request.uri.query());
    match route {
        Edge::Ok => Ok(ok()),
        Edge::Health => health(ctx.now),
        Edge::Jwks => Ok(jwks(gateway)),
        Edge::GetSession => get_session::answer(gateway, headers, query, ctx).await,
        Edge::PostGetSession => Ok(post_get_session()),
        Edge::WsToken => ws_token::answer(gateway, headers, ctx).await,
        Edge::Doctor => doctor::answer(gateway, headers, ctx),
        Edge::OpenApi => Ok(reference::description()),
        Edge::Reference => Ok(reference::page()),
        Edge::Verify | Edge::VerifyBelow => verify::answer(gateway, route, request, ctx).await,
    }
}

/// Says that the gateway runs.
#[utoipa::path(
    get, path = "/api/auth/ok", tag = "system",
    responses(
        (status = OK, description = "It does", body = Okay),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = Problem),
    )
)]
fn ok() -> Answer {
    Answer::json(StatusCode::OK, r#"{"ok":true}"#)
}

/// The body of [`ok`].
#[derive(Serialize, ToSchema)]
pub struct Okay {
    ok: bool,
}

/// Says that the gateway runs, and what time it is there.
#[utoipa::path(
    get, path = "/health", tag = "system", operation_id = "getHealth",
    responses(
        (status = OK, description = "It runs", body = Health),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = PanelProblem),
    )
)]
fn health(now: Timestamp) -> Result<Answer, Fault> {
    Answer::json_of(StatusCode::OK, &Health { status: "ok", timestamp: now })
}

#[derive(Serialize, ToSchema)]
pub struct Health {
    status: &'static str,
    #[schema(value_type = String, format = "date-time")]
    timestamp: Timestamp,
}

/// Always refused: sessions are extended by GET.
#[utoipa::path(
    post, path = "/api/auth/get-session", tag = "session", operation_id = "postGetSession",
    responses(
        (status = METHOD_NOT_ALLOWED, description = "Ask with GET", body = Problem),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = Problem),
    )
)]
fn post_get_session() -> Answer {
    Answer::refusal(Refusal::PostGetSession).with_pragma()
}

/// The keys that verify identity assertions and WebSocket tokens (RFC 7517).
#[utoipa::path(
    get, path = "/.well-known/jwks.json", tag = "system", operation_id = "getKeys",
    responses(
        (status = OK, description = "Current keys, and older ones that still verify", body = Jwks),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = PanelProblem),
    )
)]
fn jwks(gateway: &Gateway) -> Answer {
    Answer::json(StatusCode::OK, gateway.jwks.clone()).replacing(header::CACHE_CONTROL, JWKS_CACHE)
}
