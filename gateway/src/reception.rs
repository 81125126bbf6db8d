//! Everything that happens before an upstream is asked.

use std::net::IpAddr;

use contract::{PanelRefusal, Refusal, internal::REQUEST_ID_HEADER};
use http::{HeaderValue, Method, StatusCode, Version, header};
use pingora::http::RequestHeader;
use service_kit::{Fault, request_id};

use crate::{
    answer::{Answer, faulty},
    app_routes::AppRoute,
    client_addr::client_addr,
    cors,
    ctx::Ctx,
    edge, head, path,
    route_table::{self, Destination, Dialect, dialect},
    session::Standing,
    state::Gateway,
    websocket,
};

/// Largest request body of our own routes, in bytes.
const AUTH_BODY_BYTES: usize = 64 * 1024;

/// The answer, if there is one already. `None` lets the request through.
pub async fn receive(
    gateway: &Gateway,
    request: &RequestHeader,
    peer: IpAddr,
    ctx: &mut Ctx,
) -> Option<Answer> {
    let headers = &request.headers;
    let given = headers.get(REQUEST_ID_HEADER).and_then(|id| id.to_str().ok());
    ctx.request_id = given.and_then(request_id::accept).unwrap_or_else(request_id::mint);
    let client = client_addr(peer, headers, &gateway.trusted_proxies);
    (ctx.peer, ctx.client) = (Some(peer), Some(client));
    ctx.readable_by = cors::readable_by(headers, &gateway.origins);

    let path = request.uri.path();
    if let Some(answer) = malformed(request) {
        return Some(answer);
    }
    if cors::is_preflight(&request.method, headers) {
        return Some(preflight(ctx));
    }
    ctx.allowance = gateway.limits.ask(client, path, ctx.now).await;
    if let Some(allowance) = ctx.allowance.filter(|allowance| !allowance.allowed) {
        gateway.metrics.limited.inc();
        return Some(Answer::too_many(dialect(path), allowance.resets_in));
    }
    ctx.destination = route_table::find(&request.method, path, &gateway.application.routes());
    route(gateway, request, ctx).await
}

async fn route(gateway: &Gateway, request: &RequestHeader, ctx: &mut Ctx) -> Option<Answer> {
    let dialect = dialect(request.uri.path());
    if declared_length(request) > body_limit(&ctx.destination) {
        return Some(too_large(dialect));
    }
    match ctx.destination.clone() {
        Destination::Nowhere => Some(nowhere(request, dialect)),
        Destination::OtherMethods(allow) => {
            Some(Answer::panel_refusal(PanelRefusal::MethodNotAllowed).with(header::ALLOW, allow))
        }
        Destination::Service(_) => None,
        Destination::Edge(route) => {
            let (headers, query) = (&request.headers, request.uri.query());
            let answer = edge::answer(gateway, route, headers, query, ctx).await;
            Some(answer.unwrap_or_else(|fault| faulty(&fault, dialect)))
        }
        Destination::App(route) if websocket::is_handshake(&route, request) => {
            let refusal = websocket::admit(gateway, &route, request, ctx).await;
            refusal.unwrap_or_else(|fault| Some(faulty(&fault, dialect)))
        }
        Destination::App(route) => match admit(gateway, &route, request, ctx).await {
            Ok(refusal) => refusal.map(Answer::panel_refusal),
            Err(fault) => Some(faulty(&fault, dialect)),
        },
    }
}

/// Whether the caller may use a route of the application.
async fn admit(
    gateway: &Gateway,
    route: &AppRoute,
    request: &RequestHeader,
    ctx: &mut Ctx,
) -> Result<Option<PanelRefusal>, Fault> {
    if let Standing::Live(principal) = gateway.sessions.find(&request.headers, ctx.now).await? {
        ctx.principal = Some(principal);
    }
    Ok(route.rule.policy.judge(ctx.caller(), ctx.now).err())
}

/// What no route could make sense of.
fn malformed(request: &RequestHeader) -> Option<Answer> {
    let path = request.uri.path();
    if let Some(status) = head::unfit(request) {
        return Some(Answer::empty(status));
    }
    if request.method == Method::CONNECT || request.method == Method::TRACE {
        return Some(Answer::empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let hosts = request.headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) || names_two_hosts(request)
    {
        return Some(Answer::panel_refusal(PanelRefusal::BadRequest));
    }
    if path::check(path).is_err() {
        // The protocol knows no other spelling of its paths, so there is no such route.
        return Some(match dialect(path) {
            Dialect::BetterAuth => Answer::not_found(Dialect::BetterAuth),
            Dialect::Panel => Answer::panel_refusal(PanelRefusal::BadRequest),
        });
    }
    None
}

/// One in the request's target or `:authority`, and another one in `Host`.
fn names_two_hosts(request: &RequestHeader) -> bool {
    let host = request.headers.get(header::HOST).map(HeaderValue::as_bytes);
    let authority = request.uri.authority().map(|authority| authority.as_str().as_bytes());
    host.zip(authority).is_some_and(|(host, authority)| !host.eq_ignore_ascii_case(authority))
}

fn preflight(ctx: &Ctx) -> Answer {
    let headers = cors::on_preflight(ctx.readable_by.as_ref());
    headers.into_iter().fold(Answer::empty(StatusCode::NO_CONTENT), |answer, (name, value)| {
        answer.with(name, value)
    })
}

/// Methods that Better Auth is never asked with are refused in the host's manner.
fn nowhere(request: &RequestHeader, dialect: Dialect) -> Answer {
    match request.method {
        Method::GET | Method::POST => Answer::not_found(dialect),
        _ => Answer::not_found(Dialect::Panel),
    }
}

#[must_use]
pub fn too_large(dialect: Dialect) -> Answer {
    match dialect {
        Dialect::BetterAuth => Answer::refusal(Refusal::PayloadTooLarge),
        Dialect::Panel => Answer::panel_refusal(PanelRefusal::PayloadTooLarge),
    }
}

/// Largest request body, in bytes.
#[must_use]
pub fn body_limit(destination: &Destination) -> usize {
    match destination {
        Destination::App(route) => route.rule.body_limit_bytes,
        _ => AUTH_BODY_BYTES,
    }
}

fn declared_length(request: &RequestHeader) -> usize {
    let length = request.headers.get(header::CONTENT_LENGTH).map(HeaderValue::to_str);
    length.and_then(Result::ok).and_then(|length| length.parse().ok()).unwrap_or(0)
}
