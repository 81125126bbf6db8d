//! What the gateway answers without asking a service.

pub mod get_session;
pub mod ws_token;

use contract::Refusal;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::json;
use service_kit::Fault;

use crate::{answer::Answer, ctx::Ctx, route_table::Edge, state::Gateway};

/// Keys change seldom, and a new one is published before it signs anything.
const JWKS_CACHE: HeaderValue = HeaderValue::from_static("public, max-age=300");

pub async fn answer(
    gateway: &Gateway,
    route: Edge,
    headers: &HeaderMap,
    query: Option<&str>,
    ctx: &mut Ctx,
) -> Result<Answer, Fault> {
    match route {
        Edge::Ok => Ok(Answer::json(StatusCode::OK, r#"{"ok":true}"#)),
        Edge::Health => {
            Answer::json_of(StatusCode::OK, &json!({ "status": "ok", "timestamp": ctx.now }))
        }
        Edge::Jwks => Ok(jwks(gateway)),
        Edge::GetSession => get_session::answer(gateway, headers, query, ctx).await,
        Edge::PostGetSession => Ok(Answer::refusal(Refusal::PostGetSession).with_pragma()),
        Edge::WsToken => ws_token::answer(gateway, headers, ctx).await,
    }
}

fn jwks(gateway: &Gateway) -> Answer {
    Answer::json(StatusCode::OK, gateway.jwks.clone()).replacing(header::CACHE_CONTROL, JWKS_CACHE)
}
