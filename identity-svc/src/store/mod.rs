//! The SQL, a file per table.

pub mod accounts;
pub mod users;
