//! Second factors and passkeys.
//!
//! Where to look: `app.rs` has every route on one screen; `routes/` is the wire, `model/`
//! the rules, `store/` the SQL, `bus.rs` what identity-svc asks at a sign-in. `prover.rs`
//! says who gives a code, `proving.rs` is the one place that judges it, and `changes.rs`
//! what follows when a factor becomes another one. `model/webauthn` judges passkeys,
//! `passkey_changes.rs` is what follows when there is another one, and `sign_ins.rs` the
//! one place that asks for a session.

pub mod app;
pub mod bus;
pub mod changes;
pub mod config;
pub mod gate;
pub mod metrics;
pub mod model;
pub mod passkey_changes;
pub mod passwords;
pub mod promises;
pub mod prover;
pub mod proving;
pub mod purge;
pub mod routes;
pub mod sign_ins;
pub mod store;
pub mod turns;
