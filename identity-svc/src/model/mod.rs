//! The rules: no I/O.

pub mod password;
pub mod shared_key;
pub mod sign_in;
pub mod sign_up;
pub mod verification;
