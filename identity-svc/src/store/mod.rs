//! The SQL, a file per table.

pub mod accounts;
pub mod guesses;
pub mod user_list;
pub mod users;
pub mod users_by_admin;
pub mod verifications;
