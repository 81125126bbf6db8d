//! Talking to social providers.
//!
//! ```text
//! providers.rs   who is configured, one client for each
//!   client.rs    authorization URL, code for tokens, tokens anew (crate oauth2)
//!   google.rs    OpenID Connect: discovery.rs, jwks.rs, id_token.rs
//!   apis.rs      GitHub's and Discord's profile
//!     line.rs    one provider's line: breaker, turns, measurements
//!       http.rs  a request: no redirects, bounded in time and size,
//!                private addresses refused (address.rs) after DNS
//! ```
//!
//! Nothing here knows our users: the rules are in `model/social`, the wire in
//! `routes/social`.

pub mod address;
mod apis;
pub mod client;
pub mod config;
mod discovery;
mod endpoint;
mod google;
mod http;
mod id_token;
mod jwks;
mod line;
pub mod metrics;
pub mod providers;

pub use client::{ProviderClient, Vouched};
pub use config::OAuthConfig;
pub use line::ProviderError;
pub use providers::Providers;
