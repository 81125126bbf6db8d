//! pingora's phases, each a list of named steps.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use contract::{
    PanelRefusal, Refusal,
    internal::{CLIENT_ADDR_HEADER, GATEWAY_KEY_HEADER, REQUEST_ID_HEADER},
};
use http::{HeaderValue, Method, StatusCode, Version, header};
use pingora::{
    http::{RequestHeader, ResponseHeader},
    prelude::*,
    proxy::{FailToProxy, Session},
};
use service_kit::{Fault, fault::Chain, request_id};

use crate::{
    access_log,
    answer::{Answer, faulty},
    client_addr::{canonical_text, client_addr},
    cors,
    ctx::Ctx,
    edge, identity, path,
    route_table::{self, Destination, Dialect, dialect},
    routes_file::{AppRoute, Policy},
    session::Standing,
    state::Gateway,
};

/// Largest request body, in bytes.
const AUTH_BODY_BYTES: usize = 64 * 1024;
const APP_BODY_BYTES: usize = 1024 * 1024;
/// Longest pause of a client that is sending, and of one that is reading.
const CLIENT_READ: Duration = Duration::from_secs(15);
const CLIENT_WRITE: Duration = Duration::from_secs(30);

pub struct Proxy(pub Arc<Gateway>);

#[async_trait]
impl ProxyHttp for Proxy {
    type CTX = Ctx;

    fn new_ctx(&self) -> Ctx {
        Ctx::new(self.0.clock.now())
    }

    /// Answers here, or decides where the request goes and who is asking.
    async fn request_filter(&self, session: &mut Session, ctx: &mut Ctx) -> Result<bool> {
        session.set_read_timeout(Some(CLIENT_READ));
        session.set_write_timeout(Some(CLIENT_WRITE));
        match self.receive(session.req_header(), peer(session), ctx).await {
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
        if ctx.body_bytes > body_limit(&ctx.destination) {
            return Error::e_explain(ErrorType::HTTPStatus(413), "the body is too large");
        }
        Ok(())
    }

    async fn upstream_peer(&self, _: &mut Session, ctx: &mut Ctx) -> Result<Box<HttpPeer>> {
        let upstream = match &ctx.destination {
            Destination::Service(service) => Some(self.0.upstreams.service(*service)),
            Destination::App(route) => self.0.upstreams.app(&route.upstream),
            Destination::Edge(_) | Destination::Nowhere => None,
        };
        let Some(upstream) = upstream else {
            return Error::e_explain(
                ErrorType::InternalError,
                "only services and applications have upstreams",
            );
        };
        ctx.upstream = Some(Arc::clone(&upstream.name));
        upstream.peer()
    }

    /// Runs after pingora has removed the hop-by-hop headers, so that what we say
    /// here cannot be removed by a client's `Connection:` header.
    async fn upstream_request_filter(
        &self,
        session: &mut Session,
        request: &mut RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<()> {
        identity::strip(request);
        if !session.is_upgrade_req() {
            request.remove_header(&header::CONNECTION);
        }
        self.name_client(request, ctx)?;
        match (&ctx.destination, &ctx.principal) {
            (Destination::Service(_), _) => {
                request.insert_header(GATEWAY_KEY_HEADER, self.0.gateway_key.clone())
            }
            (Destination::App(route), Some(principal)) => {
                let asserted =
                    self.0.assertions.assert(request, principal, &route.upstream, ctx.now);
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

    /// A connection that could not be made carried nothing, so another try is safe.
    fn fail_to_connect(
        &self,
        _: &mut Session,
        _: &HttpPeer,
        _: &mut Ctx,
        mut error: Box<Error>,
    ) -> Box<Error> {
        error.set_retry(true);
        error
    }

    async fn fail_to_proxy(
        &self,
        session: &mut Session,
        error: &Error,
        ctx: &mut Ctx,
    ) -> FailToProxy {
        let answer = self.answer_for(session, error, ctx);
        let code = answer.as_ref().map_or(0, |answer| answer.status().as_u16());
        if let Some(answer) = answer
            && let Err(error) = answer.send(session, ctx, &self.0.dress).await
        {
            tracing::debug!(%error, "the client went away");
        }
        FailToProxy { error_code: code, can_reuse_downstream: false }
    }

    async fn logging(&self, session: &mut Session, _: Option<&Error>, ctx: &mut Ctx) {
        access_log::write(&self.0, session, ctx);
    }

    /// Our own log line says it.
    fn suppress_error_log(&self, _: &Session, _: &Ctx, _: &Error) -> bool {
        true
    }
}

impl Proxy {
    /// Everything that happens before an upstream is asked. `None` lets it through.
    async fn receive(
        &self,
        request: &RequestHeader,
        peer: std::net::IpAddr,
        ctx: &mut Ctx,
    ) -> Option<Answer> {
        let headers = &request.headers;
        let given = headers.get(REQUEST_ID_HEADER).and_then(|id| id.to_str().ok());
        ctx.request_id = given.and_then(request_id::accept).unwrap_or_else(request_id::mint);
        let client = client_addr(peer, headers, &self.0.trusted_proxies);
        ctx.client = Some(client);
        ctx.readable_by = cors::readable_by(headers, &self.0.origins);

        let path = request.uri.path();
        if let Some(answer) = malformed(request) {
            return Some(answer);
        }
        if cors::is_preflight(&request.method, headers) {
            return Some(preflight(ctx));
        }
        ctx.allowance = self.0.limits.ask(client, path, ctx.now).await;
        if let Some(allowance) = ctx.allowance.filter(|allowance| !allowance.allowed) {
            self.0.metrics.limited.inc();
            return Some(Answer::too_many(dialect(path), allowance.resets_in));
        }
        ctx.destination = route_table::find(&request.method, path, &self.0.routes);
        self.route(request, ctx).await
    }

    async fn route(&self, request: &RequestHeader, ctx: &mut Ctx) -> Option<Answer> {
        let dialect = dialect(request.uri.path());
        if declared_length(request) > body_limit(&ctx.destination) {
            return Some(too_large(dialect));
        }
        match ctx.destination.clone() {
            Destination::Nowhere => Some(nowhere(request, dialect)),
            Destination::Service(_) => None,
            Destination::Edge(route) => {
                let (headers, query) = (&request.headers, request.uri.query());
                let answer = edge::answer(&self.0, route, headers, query, ctx).await;
                Some(answer.unwrap_or_else(|fault| faulty(&fault, dialect)))
            }
            Destination::App(route) => match self.admit(&route, request, ctx).await {
                Ok(refusal) => refusal.map(Answer::panel_refusal),
                Err(fault) => Some(faulty(&fault, dialect)),
            },
        }
    }

    /// Whether the caller may use a route of the application.
    async fn admit(
        &self,
        route: &AppRoute,
        request: &RequestHeader,
        ctx: &mut Ctx,
    ) -> Result<Option<PanelRefusal>, Fault> {
        if let Standing::Live(principal) = self.0.sessions.find(&request.headers, ctx.now).await? {
            ctx.principal = Some(principal);
        }
        Ok(match (&route.policy, &ctx.principal) {
            (Policy::Public, _) | (Policy::Session, Some(_)) => None,
            (Policy::Session | Policy::Roles(_), None) => Some(PanelRefusal::Unauthorized),
            (Policy::Roles(roles), Some(principal)) => {
                let holds = principal.live().user.role.includes_any(roles);
                (!holds).then_some(PanelRefusal::Forbidden)
            }
        })
    }

    fn name_client(&self, request: &mut RequestHeader, ctx: &Ctx) -> Result<()> {
        request.insert_header(REQUEST_ID_HEADER, ctx.request_id.as_str())?;
        let proto = if self.0.dress.secure { "https" } else { "http" };
        request.insert_header("X-Forwarded-Proto", proto)?;
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

    /// The answer for a request that failed on the way, if anybody still listens.
    fn answer_for(&self, session: &Session, error: &Error, ctx: &Ctx) -> Option<Answer> {
        let dialect = dialect(session.req_header().uri.path());
        match (error.etype(), error.esource()) {
            (ErrorType::HTTPStatus(413), _) => Some(too_large(dialect)),
            (ErrorType::HTTPStatus(400), _) => Some(bad_request(dialect)),
            (_, ErrorSource::Downstream) => None,
            _ => {
                self.0.metrics.upstream_failures.inc();
                tracing::warn!(request.id = ctx.request_id, upstream = ctx.upstream.as_deref(), %error, "an upstream failed");
                Some(match ctx.destination {
                    Destination::App(_) => Answer::panel_refusal(PanelRefusal::BadGateway),
                    _ => Answer::unavailable(dialect),
                })
            }
        }
    }
}

fn peer(session: &Session) -> std::net::IpAddr {
    let address = session.client_addr().and_then(|address| address.as_inet());
    address.map_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip)
}

/// What no route could make sense of.
fn malformed(request: &RequestHeader) -> Option<Answer> {
    let path = request.uri.path();
    if request.method == Method::CONNECT || request.method == Method::TRACE {
        return Some(Answer::empty(StatusCode::METHOD_NOT_ALLOWED));
    }
    let hosts = request.headers.get_all(header::HOST).iter().count();
    if hosts > 1 || (hosts == 0 && request.version == Version::HTTP_11) {
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

fn too_large(dialect: Dialect) -> Answer {
    match dialect {
        Dialect::BetterAuth => Answer::refusal(Refusal::PayloadTooLarge),
        Dialect::Panel => Answer::panel_refusal(PanelRefusal::PayloadTooLarge),
    }
}

fn bad_request(dialect: Dialect) -> Answer {
    match dialect {
        Dialect::BetterAuth => Answer::empty(StatusCode::BAD_REQUEST),
        Dialect::Panel => Answer::panel_refusal(PanelRefusal::BadRequest),
    }
}

fn body_limit(destination: &Destination) -> usize {
    if matches!(destination, Destination::App(_)) { APP_BODY_BYTES } else { AUTH_BODY_BYTES }
}

fn declared_length(request: &RequestHeader) -> usize {
    let length = request.headers.get(header::CONTENT_LENGTH).map(HeaderValue::to_str);
    length.and_then(Result::ok).and_then(|length| length.parse().ok()).unwrap_or(0)
}

#[expect(clippy::unnecessary_box_returns, reason = "pingora's errors are boxed")]
fn internal(fault: &Fault) -> Box<Error> {
    tracing::error!(error = %Chain(fault), "a request could not be passed on");
    Error::explain(ErrorType::InternalError, "the request could not be passed on")
}
