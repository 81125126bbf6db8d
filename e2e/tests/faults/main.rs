//! What breaks, and what must not break with it. Each test has its own stack.

mod abuse;
mod accounts;
mod doctor;
mod first_setup;
mod leases;
mod limits;
mod mail;
mod mfa;
mod outages;
mod production;
mod recovery;
mod redis;
mod social;
