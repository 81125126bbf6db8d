//! What we know about a request so far.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use auth_types::Timestamp;
use contract::session::LiveSession;
use http::{HeaderValue, uri::Scheme};
use opentelemetry::Context;
use tokio::time::Instant;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::{
    bearer::Bearer, limits::Allowance, route_table::Destination, session::Principal,
    session_cache::Cached, upstream::Upstream, websocket::Admitted,
};

pub struct Ctx {
    pub began: Instant,
    /// The instant by which everything about this request is judged.
    pub now: Timestamp,
    pub request_id: String,
    /// Where the connection comes from: the client, or the last proxy before us.
    pub peer: Option<IpAddr>,
    pub client: Option<IpAddr>,
    /// Whether the connection comes from a proxy that we trust.
    pub behind_proxy: bool,
    pub readable_by: Option<HeaderValue>,
    /// The caller's session came as a bearer token.
    pub bearer: Option<Bearer>,
    pub allowance: Option<Allowance>,
    pub destination: Destination,
    pub principal: Option<Principal>,
    /// Bytes of the request's body so far.
    pub body_bytes: usize,
    /// The upstream that was chosen.
    pub upstream: Option<Arc<Upstream>>,
    /// Its addresses that were tried, the last one last.
    pub tried: Vec<SocketAddr>,
    /// How often the request was sent again.
    pub retries: u8,
    /// Whose ws-token the request came with.
    pub ticket_holder: Option<Arc<Cached>>,
    /// A handshake that is to become a WebSocket.
    pub websocket: Option<Box<Admitted>>,
    /// The connection is not pingora's any more, and the request has been logged.
    pub handed_over: bool,
    /// The trace that it is part of.
    pub trace: Option<Context>,
    /// Who forwards the request for the client speaks by this scheme.
    pub scheme: Scheme,
    pub times: Times,
    _in_flight: TaskTrackerToken,
}

/// When a request reached which stage.
#[derive(Debug, Default, Clone, Copy)]
pub struct Times {
    /// An upstream was about to be asked.
    pub asked: Option<Instant>,
    /// It has begun to answer.
    pub answered: Option<Instant>,
}

impl Ctx {
    #[must_use]
    pub fn upstream_name(&self) -> Option<&str> {
        self.upstream.as_ref().map(|upstream| &**upstream.name())
    }

    #[must_use]
    pub fn new(now: Timestamp, in_flight: TaskTrackerToken) -> Self {
        Self {
            began: Instant::now(),
            now,
            request_id: String::new(),
            peer: None,
            client: None,
            behind_proxy: false,
            readable_by: None,
            bearer: None,
            allowance: None,
            destination: Destination::Nowhere,
            principal: None,
            body_bytes: 0,
            upstream: None,
            tried: Vec::new(),
            retries: 0,
            ticket_holder: None,
            websocket: None,
            handed_over: false,
            trace: None,
            scheme: Scheme::HTTP,
            times: Times::default(),
            _in_flight: in_flight,
        }
    }

    /// Who is calling, however they have shown it.
    #[must_use]
    pub fn caller(&self) -> Option<&LiveSession> {
        let by_session = self.principal.as_ref().map(Principal::live);
        by_session.or_else(|| self.ticket_holder.as_ref().map(|cached| &cached.live))
    }
}
