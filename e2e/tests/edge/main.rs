//! What an operator sets up around the gateway: routes, limits, other proxies. Each test
//! has a stack of its own.

mod application;
mod bearer;
mod brakes;
mod child;
mod forward_auth;
mod limits;
mod reload;
mod routes;
mod upstream;
mod upstreams;
