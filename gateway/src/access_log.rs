//! One line for each request: who, what, outcome and cost. The matched route, not
//! the path; and never the query, where codes and tokens are.

use pingora::proxy::Session;

use crate::{ctx::Ctx, session::Principal, state::Gateway};

pub fn write(gateway: &Gateway, session: &Session, ctx: &Ctx) {
    let status = session.response_written().map_or(0, |response| response.status.as_u16());
    let took = ctx.began.elapsed();
    let route = ctx.destination.label();
    gateway.metrics.answered(route, status, took);
    let live = ctx.principal.as_ref().map(Principal::live);
    tracing::info!(
        request.id = ctx.request_id,
        method = session.req_header().method.as_str(),
        route,
        status,
        took_us = took.as_micros(),
        client.addr = ctx.client.map(tracing::field::display),
        user.id = live.map(|live| live.user.id.as_str()),
        session.id = live.map(|live| live.session.id.as_str()),
        upstream = ctx.upstream_name(),
        "request"
    );
}
