//! When an upstream does not answer: whether to ask again, and what the client is told.
//!
//! A connection that could not be made carried nothing, so the request may always be
//! sent once more. A request that broke off on the way may have been acted on. It is
//! sent again only if that changes nothing (RFC 9110 9.2.2), it had no body, the
//! client has been told nothing yet, and the route allows it.

use std::time::Duration;

use contract::PanelRefusal;
use http::{Method, StatusCode};
use pingora::{prelude::*, proxy::Session};
use service_kit::absence;

use crate::{
    answer::Answer,
    ctx::Ctx,
    reception::too_large,
    route_table::{Destination, Dialect, dialect},
    routes_file::Timeouts,
    state::Gateway,
    upstream::Outcome,
};

/// Our services answer within seconds, or not at all.
const SERVICE: Timeouts = Timeouts {
    connect: Duration::from_secs(1),
    read: Duration::from_secs(30),
    total: Some(Duration::from_mins(1)),
};
const SERVICE_RETRIES: u8 = 1;

/// What is left of the time that the request may take. An error when nothing is.
pub fn time_left(ctx: &Ctx) -> Result<Timeouts> {
    let mut timeouts = match &ctx.destination {
        Destination::App(route) => route.rule.timeouts,
        _ => SERVICE,
    };
    if let Some(total) = timeouts.total {
        let left = total.saturating_sub(ctx.began.elapsed());
        if left.is_zero() {
            return Error::e_explain(ErrorType::ReadTimedout, "the request's time is over")
                .map_err(|error: Box<Error>| error.into_up());
        }
        timeouts.connect = timeouts.connect.min(left);
        timeouts.read = timeouts.read.min(left);
    }
    Ok(timeouts)
}

/// Tells the upstream how its address did.
pub fn observe(gateway: &Gateway, ctx: &Ctx, outcome: Outcome) {
    if let (Destination::Service(service), Outcome::Answered) = (&ctx.destination, outcome) {
        gateway.absences.over(service.name());
    }
    if let (Some(upstream), Some(address)) = (&ctx.upstream, ctx.tried.last()) {
        upstream.observe(*address, outcome, &gateway.metrics);
    }
}

pub fn not_connected(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
    mut error: Box<Error>,
) -> Box<Error> {
    if waits_for_service(gateway, ctx) {
        error.set_retry(true);
        return error;
    }
    observe(gateway, ctx, Outcome::Failed);
    let most = if is_repeatable(session) { retries_of(ctx).max(1) } else { 1 };
    error.set_retry(take_retry(gateway, ctx, most));
    error
}

/// Whether the service we could not connect to may be back in a moment.
fn waits_for_service(gateway: &Gateway, ctx: &Ctx) -> bool {
    match ctx.destination {
        Destination::Service(service) => {
            gateway.absences.is_short(service.name()) && time_left(ctx).is_ok()
        }
        _ => false,
    }
}

/// Gives a service that is being restarted a moment, before it is tried again.
#[expect(clippy::disallowed_methods, reason = "a pause between attempts")]
pub async fn pause(ctx: &Ctx) {
    if matches!(ctx.destination, Destination::Service(_)) && !ctx.tried.is_empty() {
        tokio::time::sleep(absence::PAUSE).await;
    }
}

pub fn broken_off(
    gateway: &Gateway,
    session: &mut Session,
    ctx: &mut Ctx,
    mut error: Box<Error>,
    client_reused: bool,
) -> Box<Error> {
    if *error.esource() != ErrorSource::Upstream {
        error.set_retry(false);
        return error;
    }
    observe(gateway, ctx, Outcome::Failed);
    // An idle connection may have been closed just as it was used again.
    let most = retries_of(ctx).max(u8::from(client_reused));
    let is_free = session.response_written().is_none() && is_repeatable(session);
    error.set_retry(is_free && take_retry(gateway, ctx, most));
    error
}

fn retries_of(ctx: &Ctx) -> u8 {
    match &ctx.destination {
        Destination::App(route) => route.rule.retries,
        _ => SERVICE_RETRIES,
    }
}

fn take_retry(gateway: &Gateway, ctx: &mut Ctx, most: u8) -> bool {
    let has_time = time_left(ctx).is_ok();
    let may = ctx.retries < most && has_time;
    if may {
        ctx.retries += 1;
        gateway.metrics.retried(ctx.upstream_name().unwrap_or_default());
    }
    may
}

/// Whether sending the request twice is like sending it once.
fn is_repeatable(session: &mut Session) -> bool {
    let idempotent = [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE];
    idempotent.contains(&session.req_header().method)
        && !session.is_upgrade_req()
        && session.is_body_empty()
}

/// What the client is told, if anybody still listens.
pub fn answer(gateway: &Gateway, session: &Session, error: &Error, ctx: &Ctx) -> Option<Answer> {
    let dialect = dialect(session.req_header().uri.path());
    match (error.etype(), error.esource()) {
        (ErrorType::HTTPStatus(413), _) => Some(too_large(dialect)),
        (ErrorType::HTTPStatus(400), _)
        | (ErrorType::InvalidHTTPHeader, ErrorSource::Downstream) => Some(bad_request(dialect)),
        (_, ErrorSource::Downstream) => None,
        (etype, _) => {
            gateway.metrics.upstream_failures.inc();
            tracing::warn!(request.id = ctx.request_id, upstream = ctx.upstream_name(), %error, "an upstream failed");
            Some(match ctx.destination {
                Destination::App(_) if is_timeout(etype) => {
                    Answer::panel_refusal(PanelRefusal::GatewayTimeout)
                }
                Destination::App(_) => Answer::panel_refusal(PanelRefusal::BadGateway),
                _ => Answer::unavailable(dialect),
            })
        }
    }
}

fn is_timeout(etype: &ErrorType) -> bool {
    matches!(etype, ErrorType::ReadTimedout | ErrorType::WriteTimedout)
}

fn bad_request(dialect: Dialect) -> Answer {
    match dialect {
        Dialect::BetterAuth => Answer::empty(StatusCode::BAD_REQUEST),
        Dialect::Panel => Answer::panel_refusal(PanelRefusal::BadRequest),
    }
}
