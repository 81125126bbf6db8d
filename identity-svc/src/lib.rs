//! Users and how they prove who they are.
//!
//! Where to look: `app.rs` has every route on one screen; `routes/` is the wire,
//! `model/` the rules, `store/` the SQL. `passwords.rs` keeps bcrypt away from
//! everything else, `sessions.rs` is the only way from a proof to a session, and
//! `promises.rs` delivers what the outbox holds.

pub mod app;
pub mod config;
pub mod metrics;
pub mod model;
pub mod passwords;
pub mod promises;
pub mod routes;
pub mod sessions;
pub mod store;
