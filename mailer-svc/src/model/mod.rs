//! The rules: which mails are fit to send, whose turn it is, when to try again.

pub mod letter;
pub mod record;
pub mod retry;
