//! Mails from a real NATS to a real SMTP session, and their receipts.

mod nats;
mod queue;
mod smtp;
mod smtp_server;
mod world;
