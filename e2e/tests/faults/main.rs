//! What breaks, and what must not break with it. Each test has its own stack.

mod first_setup;
mod mail;
mod outages;
mod redis;
