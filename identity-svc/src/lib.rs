//! Users and how they prove who they are.
//!
//! Where to look: `app.rs` has every route on one screen; `routes/` is the wire,
//! `model/` the rules, `store/` the SQL. `credentials.rs` is where a password is
//! checked, `passwords.rs` keeps bcrypt away from everything else, `sessions.rs` is the only way from a proof to a session,
//! `promises.rs` delivers what the outbox holds, and `mail_requests.rs` looks into
//! what somebody asked us to write.

pub mod admin;
pub mod app;
pub mod bus;
pub mod config;
pub mod credentials;
pub mod hashing;
pub mod mail_requests;
pub mod metrics;
pub mod model;
pub mod passwords;
pub mod promises;
pub mod routes;
pub mod sessions;
pub mod store;
