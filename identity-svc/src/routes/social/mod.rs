//! Signing in by a social provider, and adding one to a user (contract 8).

pub mod callback;
pub mod link;
pub mod outcome;
pub mod request;
pub mod sign_in;
pub mod start;
