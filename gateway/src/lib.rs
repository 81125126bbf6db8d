//! The edge: the only door.
//!
//! What a request meets, in order, a file for each step:
//!
//! 1. [`head`]: a path, and not too much of anything; [`path`]: one canonical
//!    spelling, or no entry
//! 2. [`client_addr`]: where the caller is, past the proxies we trust
//! 3. [`cors`]: which pages may read the answer
//! 4. [`route_table`]: where it goes; for an application that is in [`app_routes`], which
//!    [`application`] reads from the [`routes_file`], with the [`policy`]: who may go there
//! 5. [`limits`], or the route's own ([`route_limit`]): how often they may ask
//! 6. [`session`]: cookie, or [`bearer`] token, to principal, from [`session_cache`] where it can
//! 7. [`edge`]: what is answered right here, or else
//! 8. [`identity`]: what the upstream is told of the caller, after everything the
//!    caller said about that has been removed
//! 9. [`upstreams`]: the service or the application, and [`upstream`]: which address
//! 10. [`websocket`]: or a socket that stays open
//! 11. [`dress`]: what every answer says; [`access_log`]: one line
//!
//! [`session_cache`] is right because of [`lease`] and [`revocations`].
//! What outlives a request, such as a WebSocket, is told by [`endings`] when its
//! session ends.
//!
//! [`proxy`] calls them in pingora's phases: up to 7 in [`reception`]; [`failure`] is what
//! happens when an upstream does not answer. [`server`] starts and stops it all: [`door`]
//! takes connections, with [`tls`] or beside a [`redirect`] to it, and [`handover`] lets a
//! new gateway take the place of this one.

pub mod access_log;
pub mod answer;
pub mod app_routes;
pub mod application;
pub mod bearer;
pub mod client_addr;
pub mod config;
pub mod cors;
pub mod ctx;
pub mod door;
pub mod dress;
pub mod edge;
pub mod endings;
pub mod failure;
pub mod flights;
pub mod handover;
pub mod head;
pub mod identity;
pub mod lease;
pub mod limits;
pub mod metrics;
pub mod openapi;
pub mod path;
pub mod policy;
pub mod proxy;
pub mod reception;
pub mod redirect;
pub mod revocations;
pub mod route_limit;
pub mod route_table;
pub mod routes_file;
pub mod server;
pub mod session;
pub mod session_cache;
pub mod state;
pub mod tls;
pub mod upstream;
pub mod upstreams;
pub mod websocket;
