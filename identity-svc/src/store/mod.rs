//! The SQL, a file per table.

pub mod accounts;
pub mod social_accounts;
pub mod social_flows;
pub mod user_list;
pub mod users;
pub mod users_by_admin;
pub mod verifications;
