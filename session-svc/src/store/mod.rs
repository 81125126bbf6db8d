//! The truth in Postgres, a file per table, and its copy in Redis.

pub mod copies;
pub mod pending_revocations;
pub mod sessions;
pub mod user_snapshots;
