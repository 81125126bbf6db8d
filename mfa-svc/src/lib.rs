//! Second factors.
//!
//! So far the service only holds the gate: identity-svc asks it before it lets a
//! user with a second factor in, and it lets none in, because it cannot verify
//! one yet. It serves no HTTP routes of its own.

pub mod app;
pub mod bus;
pub mod config;
