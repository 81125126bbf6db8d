//! The life of a session: create, resolve, refresh, list, revoke.
//!
//! Postgres holds the truth (`store/sessions.rs`), Redis a fast copy of it
//! (`store/copies.rs`) that the gateway reads by itself. Everything here is
//! arranged so that the copy can be late but never bring back what was revoked.
//!
//! Where to look: `app.rs` has every route and every bus subject on one screen;
//! `model/` has the rules, `routes/` what comes over HTTP, `bus.rs` what comes
//! over NATS, and `revocation.rs` the order in which a session ends.

pub mod app;
pub mod bus;
pub mod config;
pub mod metrics;
pub mod model;
pub mod promises;
pub mod receipts;
pub mod revocation;
pub mod routes;
pub mod store;
