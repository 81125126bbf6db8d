//! pingora's phases, each a list of named steps.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use contract::internal::{CLIENT_ADDR_HEADER, GATEWAY_KEY_HEADER, REQUEST_ID_HEADER};
use http::{HeaderMap, header};
use opentelemetry::trace::FutureExt;
use pingora::{
    http::{RequestHeader, ResponseHeader},
    prelude::*,
    proxy::{FailToProxy, ProxyWarnLogContext, Session},
    upstreams::peer::Peer,
};
use service_kit::{Fault, fault::Chain, trace};
use tokio::time::Instant;

use crate::{
    access_log,
    client_addr::{self, canonical_text},
    ctx::Ctx,
    door, failure, head, identity, reception,
    route_table::Destination,
    state::Gateway,
    upstream::Outcome,
    websocket::{self, handshake},
};

/// Longest pause of a client that is sending, and of one that is reading.
const CLIENT_READ: Duration = Duration::from_secs(15);
const CLIENT_WRITE: Duration = Duration::from_secs(30);

pub struct Proxy(pub Arc<Gateway>);

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        door::asked();
        Ctx::new(self.0.clock.now(), self.0.in_flight.token())
    }

    /// Answers here, or decides where the request goes and who is asking.
    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        session.set_read_timeout(Some(CLIENT_READ));
        session.set_write_timeout(Some(CLIENT_WRITE));
        if handshake::is_asked_for(&session.req_header().headers) {
            session.set_keepalive(None);
        }
        ctx.trace = trace::begin_request(&session.req_header().headers);
        ctx.scheme = client_addr::scheme(session, &self.0.trusted_proxies);
        let current = ctx.trace.clone().unwrap_or_default();
        let receiving = reception::receive(&self.0, session.req_header(), peer(session), ctx);
        let answer = receiving.with_context(current).await;
        if let Some(admitted) = ctx.websocket.take() {
            websocket::serve(self, session, *admitted, ctx).await?;
            return Ok(true);
        }
        websocket::forget_upgrade(session);
        match answer {
            None => Ok(false),
            Some(answer) => {
                answer.send(session, ctx, &self.0.dress).await?;
                Ok(true)
            }
        }
    }

    async fn request_body_filter(
        &self,
        _: &mut Session,
        body: &mut Option<Bytes>,
        _: bool,
        ctx: &mut Ctx,
    ) -> Result<()> {
        ctx.body_bytes += body.as_ref().map_or(0, Bytes::len);
        if ctx.body_bytes > reception::body_limit(&ctx.destination) {
            return Error::e_explain(ErrorType::HTTPStatus(413), "the body is too large");
        }
        Ok(())
    }

    async fn upstream_peer(&self, _: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let upstream = match &ctx.destination {
            Destination::Service(service) => Arc::clone(self.0.upstreams.service(*service)),
            Destination::App(route) => Arc::clone(&route.upstream),
            Destination::Edge(_) | Destination::OtherMethods(_) | Destination::Nowhere => {
                return Error::e_explain(
                    ErrorType::InternalError,
                    "only services and applications have upstreams",
                );
            }
        };
        ctx.times.asked.get_or_insert_with(Instant::now);
        let timeouts = failure::time_left(ctx)?;
        let peer = upstream.peer(&ctx.tried, &timeouts)?;
        ctx.tried.extend(peer.address().as_inet());
        ctx.upstream = Some(upstream);
        Ok(peer)
    }

    /// Runs after pingora has removed the hop-by-hop headers, so that what we say
    /// here cannot be removed by a client's `Connection:` header.
    async fn upstream_request_filter(
        &self,
        _: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        head::to_path(request)?;
        identity::strip(request);
        request.remove_header(&header::CONNECTION);
        name_client(request, ctx)?;
        match (&ctx.destination, ctx.caller()) {
            (Destination::Service(_), _) => {
                request.insert_header(GATEWAY_KEY_HEADER, self.0.gateway_key.clone())
            }
            (Destination::App(route), Some(caller)) => {
                let audience = route.upstream.name();
                let asserted = self.0.assertions.assert(request, caller, audience, ctx.now);
                asserted.map_err(|fault| internal(&fault))
            }
            _ => Ok(()),
        }
    }

    async fn response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        match ctx.destination {
            Destination::App(_) => self.0.dress.theirs(response, ctx),
            _ => self.0.dress.ours(response, ctx),
        }
    }

    async fn upstream_response_filter(
        &self,
        _: &mut Session,
        response: &mut ResponseHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        ctx.times.answered = Some(Instant::now());
        // Said by an upstream, or by a proxy of its own, that is not able to answer.
        let outcome = match response.status.as_u16() {
            502..=504 => Outcome::Failed,
            _ => Outcome::Answered,
        };
        failure::observe(&self.0, ctx, outcome);
        Ok(())
    }

    fn upstream_response_body_filter(
        &self,
        _: &mut Session,
        _: &mut Option<Bytes>,
        _: bool,
        ctx: &mut Ctx,
    ) -> Result<Option<Duration>> {
        failure::time_left(ctx).map(|_| None)
    }

    fn fail_to_connect(
        &self,
        session: &mut Session,
        _: &HttpPeer,
        ctx: &mut Ctx,
        error: Box<Error>,
    ) -> Box<Error> {
        failure::not_connected(&self.0, session, ctx, error)
    }

    fn error_while_proxy(
        &self,
        _: &HttpPeer,
        session: &mut Session,
        error: Box<Error>,
        ctx: &mut Ctx,
        client_reused: bool,
    ) -> Box<Error> {
        failure::broken_off(&self.0, session, ctx, error, client_reused)
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Ctx,
    ) -> FailToProxy {
        let answer = failure::answer(&self.0, session, error, ctx);
        let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        if let Some(answer) = answer
            && let Err(error) = answer.send(session, ctx, &self.0.dress).await
        {
            tracing::debug!(%error, "the client went away");
        }
        FailToProxy { error_code: code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, ctx: &mut Ctx) {
        if !ctx.handed_over {
            access_log::write(&self.0, session, ctx);
        }
    }

    /// Our own log line says it.
    fn suppress_error_log(&self, _: &Session, _: &Ctx, _: &Error) -> bool {
        true
    }

    /// Nor of what is sent again: a counter has it.
    fn suppress_proxy_warn_log(
        &self,
        _: &Session,
        _: &Ctx,
        _: &Error,
        _: ProxyWarnLogContext,
    ) -> bool {
        true
    }
}

fn name_client(request: &mut RequestHeader, ctx: &Ctx) -> Result<()> {
    request.insert_header(REQUEST_ID_HEADER, ctx.request_id.as_str())?;
    request.insert_header("X-Forwarded-Proto", ctx.scheme.as_str())?;
    if let Some(context) = &ctx.trace {
        let mut named = HeaderMap::new();
        trace::name(context, &mut trace::Headers(&mut named));
        for name in trace::HEADERS {
            request.remove_header(&name);
        }
        for (name, value) in &named {
            request.insert_header(name, value)?;
        }
    }
    if let Some(host) = request.headers.get(header::HOST).cloned() {
        request.insert_header("X-Forwarded-Host", host)?;
    }
    if let Some(client) = ctx.client {
        request.insert_header("X-Forwarded-For", client.to_string())?;
        if matches!(ctx.destination, Destination::Service(_)) {
            request.insert_header(CLIENT_ADDR_HEADER, canonical_text(client))?;
        }
    }
    Ok(())
}

fn peer(session: &Session) -> std::net::IpAddr {
    let address = session.client_addr().and_then(|address| address.as_inet());
    address.map_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip)
}

#[expect(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn internal(fault: &Fault) -> Box<Error> {
    tracing::error!(error = %Chain(fault), "a request could not be passed on");
    Error::explain(ErrorType::InternalError, "the request could not be passed on")
}
