//! What we know about a request so far.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use auth_types::Timestamp;
use http::HeaderValue;
use tokio::time::Instant;

use crate::{
    bearer::Bearer, limits::Allowance, route_table::Destination, session::Principal,
    upstream::Upstream,
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
}

impl Ctx {
    #[must_use]
    pub fn upstream_name(&self) -> Option<&str> {
        self.upstream.as_ref().map(|upstream| &**upstream.name())
    }

    #[must_use]
    pub fn new(now: Timestamp) -> Self {
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
        }
    }
}
