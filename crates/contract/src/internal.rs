//! HTTP between the gateway, the services behind it and the tools beside it.

use std::{net::IpAddr, time::Duration};

use auth_types::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Proves that a request came through the gateway: a value that only holders of
/// the root secret can derive. Services refuse HTTP without it, so that reaching
/// their port is not enough to name a client address.
pub const GATEWAY_KEY_HEADER: &str = "x-gateway-key";
/// The client's address as the gateway judged it (contract 3.11).
pub const CLIENT_ADDR_HEADER: &str = "x-client-addr";
/// Names one request in every log line it leads to.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// The gateway does not use a connection to a service again that was idle for longer.
pub const IDLE: Duration = Duration::from_millis(500);
/// How long a service that stops still takes requests, each with the word that its
/// connection will not be used again. It is longer than [`IDLE`], so that the gateway has
/// left every connection by itself when they close, and no request is on its way to a
/// closed one.
pub const LEAVING: Duration = Duration::from_secs(1);

/// Where the gateway tells `stellar doctor` what it sees of whoever asks.
pub const DOCTOR_PATH: &str = "/auth/doctor";

/// What the gateway sees of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorView {
    /// The address that limits and sessions go by.
    #[schema(value_type = String)]
    pub client_address: IpAddr,
    /// Where the connection comes from: the client, or the last proxy.
    #[schema(value_type = String)]
    pub peer_address: IpAddr,
    /// `X-Forwarded-For` as it arrived.
    pub forwarded_for: Option<String>,
    /// Whether the peer is one of `TRUSTED_PROXIES`.
    pub peer_is_trusted: bool,
    /// Whether limits by address are in force.
    pub rate_limit: bool,
    /// `API_URL` as the gateway has it.
    pub api_url: String,
    /// `FRONTEND_URL` as the gateway has it.
    pub frontend_url: String,
    #[schema(value_type = String, format = "date-time")]
    pub time: Timestamp,
}
/// Said of a request that came without cookies, where the gateway made one of its bearer
/// token. No page of another site can make a browser do that, so such a request owes no
/// `Origin`.
pub const COOKIE_FROM_BEARER_HEADER: &str = "x-cookie-from-bearer";
