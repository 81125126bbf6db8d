//! What we know about a request so far.

use std::{net::IpAddr, sync::Arc};

use auth_types::Timestamp;
use http::HeaderValue;
use tokio::time::Instant;

use crate::{limits::Allowance, route_table::Destination, session::Principal};

pub struct Ctx {
    pub began: Instant,
    /// The instant by which everything about this request is judged.
    pub now: Timestamp,
    pub request_id: String,
    pub client: Option<IpAddr>,
    pub readable_by: Option<HeaderValue>,
    pub allowance: Option<Allowance>,
    pub destination: Destination,
    pub principal: Option<Principal>,
    /// Bytes of the request's body so far.
    pub body_bytes: usize,
    /// The upstream that was chosen.
    pub upstream: Option<Arc<str>>,
}

impl Ctx {
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self {
            began: Instant::now(),
            now,
            request_id: String::new(),
            client: None,
            readable_by: None,
            allowance: None,
            destination: Destination::Nowhere,
            principal: None,
            body_bytes: 0,
            upstream: None,
        }
    }
}
