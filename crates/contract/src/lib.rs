//! What crosses a process boundary.
//!
//! HTTP bodies, refusals and cookies towards clients; subjects and payloads
//! between services; what a session's copy in Redis looks like. A change here is
//! a change of the wire: `tests/golden.rs` keeps an example of every message that
//! services exchange and fails when one no longer reads or writes the same.

pub mod bus;
pub mod cookies;
mod factor_cookies;
pub mod identity;
pub mod internal;
pub mod jwt;
pub mod mail;
pub mod mfa;
pub mod origin;
pub mod permission;
pub mod refusal;
pub mod schema;
pub mod secrets;
pub mod session;
pub mod session_copy;
mod state_cookie;
pub mod uri;
pub mod user;

pub use bus::{Answer, Call};
pub use refusal::{PanelRefusal, Refusal};
pub use secrets::{Purpose, RootSecrets};
