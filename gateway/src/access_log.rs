//! One line for each request: who, what, outcome and cost. The matched route, not
//! the path; and never the query, where codes and tokens are.

use std::time::Duration;

use pingora::proxy::Session;
use service_kit::trace;
use tokio::time::Instant;

use crate::{ctx::Ctx, state::Gateway};

pub fn write(gateway: &Gateway, session: &Session, ctx: &Ctx) {
    let status = session.response_written().map_or(0, |response| response.status.as_u16());
    let method = session.req_header().method.as_str();
    let route = ctx.destination.label();
    let cost = Cost::of(ctx);
    gateway.metrics.answered(route, status, cost.took);
    gateway.metrics.spent(cost.edge, cost.upstream);
    if let Some(context) = &ctx.trace {
        trace::end_request(context, method, route, status);
    }
    let live = ctx.caller();
    tracing::info!(
        request.id = ctx.request_id,
        method,
        route,
        status,
        took_us = micros(cost.took),
        edge_us = micros(cost.edge),
        upstream_us = cost.upstream.map(micros),
        client.addr = ctx.client.map(tracing::field::display),
        user.id = live.map(|live| live.user.id.as_str()),
        session.id = live.map(|live| live.session.id.as_str()),
        upstream = ctx.upstream_name(),
        "request"
    );
}

/// Of 128 bits, a number would be written as text.
fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Where a request's time went.
struct Cost {
    took: Duration,
    /// What we needed ourselves, before an upstream was asked.
    edge: Duration,
    /// How long an upstream took to begin its answer.
    upstream: Option<Duration>,
}

impl Cost {
    fn of(ctx: &Ctx) -> Self {
        let now = Instant::now();
        let asked = ctx.times.asked;
        Self {
            took: now - ctx.began,
            edge: asked.unwrap_or(now) - ctx.began,
            upstream: asked.map(|asked| ctx.times.answered.unwrap_or(now) - asked),
        }
    }
}
