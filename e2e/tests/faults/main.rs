//! What breaks, and what must not break with it. Each test has its own stack.

mod abuse;
mod accounts;
mod doctor;
mod first_setup;
mod leases;
mod limits;
mod logs;
mod losses;
mod mail;
mod mfa;
mod outages;
mod production;
mod recovery;
mod redis;
mod redis_cluster;
mod redis_servers;
mod restore;
mod revocations;
mod rolling;
mod social;
mod stopping;
mod successor;
mod taken_over;
mod tls;
mod traces;
mod websockets;
