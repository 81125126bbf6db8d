//! The rules: no I/O.

pub mod account;
pub mod link;
pub mod mail_request;
pub mod one_time_token;
pub mod password;
pub mod profile;
pub mod redirect;
pub mod shared_key;
pub mod sign_in;
pub mod sign_up;
pub mod social;
pub mod user_change;
pub mod user_query;
pub mod verification;
