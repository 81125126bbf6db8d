//! The rules: no I/O.

pub mod opening;
pub mod roll;
