//! Users and how they prove who they are.
//!
//! Where to look: `app.rs` has every route on one screen; `routes/` is the wire,
//! `model/` the rules, `store/` the SQL. `passwords.rs` keeps bcrypt away from
//! everything else, `sessions.rs` is the only way from a proof to a session,
//! `promises.rs` delivers what the outbox holds, and `mail_requests.rs` looks into
//! what somebody asked us to write. `oauth/` talks to social providers, `social.rs` makes
//! users of their word, `mailbox.rs` drops what was set up before an address was proved.

pub mod admin;
pub mod app;
pub mod bus;
pub mod config;
pub mod hashing;
pub mod mail_requests;
pub mod mailbox;
pub mod metrics;
pub mod model;
pub mod oauth;
pub mod passwords;
pub mod promises;
pub mod provider_tokens;
pub mod routes;
pub mod sessions;
pub mod social;
pub mod store;
