//! Mails: from a work queue, through a template, out by SMTP.
//!
//! A mail's way: `queue.rs` takes it from JetStream (`streams.rs`), `consumer.rs` leads it
//! through everything else, `ledger.rs` knows whether it was sent before,
//! `render.rs` makes text of it, `compose.rs` a message, and `transport.rs`
//! hands that to a mail server. Only when the server has taken it, and the
//! service that promised the mail has taken the receipt, does it leave the queue.
//!
//! Mails hold links that sign people in. What is in them, and whom they go to,
//! is in no log line and no metric.

pub mod app;
pub mod compose;
pub mod config;
pub mod consumer;
pub mod ledger;
pub mod metrics;
pub mod model;
pub mod preview;
pub mod queue;
pub mod render;
pub mod streams;
pub mod transport;
