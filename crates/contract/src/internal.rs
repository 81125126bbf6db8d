//! HTTP between the gateway and the services behind it.

/// Proves that a request came through the gateway: a value that only holders of
/// the root secret can derive. Services refuse HTTP without it, so that reaching
/// their port is not enough to name a client address.
pub const GATEWAY_KEY_HEADER: &str = "x-gateway-key";
/// The client's address as the gateway judged it (contract 3.11).
pub const CLIENT_ADDR_HEADER: &str = "x-client-addr";
/// Names one request in every log line it leads to.
pub const REQUEST_ID_HEADER: &str = "x-request-id";
