//! Black box tests, through the gateway, on a real stack.
//!
//! `tests/http` asks what every route answers, on one stack that all tests share;
//! so each test makes users of its own and counts on nothing else. `tests/faults`
//! breaks things, each test on a stack of its own.
//!
//! Everything here panics on what a test did not expect, with the answer it got.

#![expect(clippy::missing_panics_doc, reason = "helpers of tests panic")]

mod answer;
mod browser;
mod mailbox;
mod raw;
mod stacks;
mod wait;

pub use answer::Answer;
pub use browser::{Browser, PASSWORD, User, fresh_email};
pub use mailbox::mail_to;
pub use raw::raw_request;
pub use stacks::{own_stack, shared};
pub use wait::{eventually, tick};
