//! Black box tests, through the gateway, on a real stack.
//!
//! `tests/http` asks what every route answers, on one stack that all tests share;
//! so each test makes users of its own and counts on nothing else. `tests/faults`
//! breaks things, each test on a stack of its own.
//!
//! Everything here panics on what a test did not expect, with the answer it got.

#![expect(clippy::missing_panics_doc, reason = "helpers of tests panic")]

mod admin;
mod answer;
mod authenticator;
mod browser;
mod dice;
mod mailbox;
mod opener;
mod passkey;
mod raw;
mod shape;
mod social;
mod socket;
mod stack_dir;
mod stacks;
mod stores;
mod tcp_proxy;
mod wait;

pub use admin::{admin, with_role};
pub use answer::Answer;
pub use authenticator::Authenticator;
pub use browser::{Browser, PASSWORD, User, fresh_email};
pub use dice::dice;
pub use mailbox::{link_in, mail_about, mail_to, mails_about, mails_to, path_in, text_of};
pub use opener::{Opened, Opener, nats};
pub use passkey::{Algorithm, How, Passkey, attestation_object};
pub use raw::{Silence, Wire, raw_answers, raw_request};
pub use shape::{
    CLEARED, expect_id, expect_session, expect_session_cookie, expect_user, instant, keys,
    seconds_between, text,
};
pub use social::{at_provider, discord, fresh_id, github, google, with};
pub use socket::{Handshake, Socket};
pub use stack_dir::StackDir;
pub use stacks::{environment_of, free_port, own_stack, own_stack_with, shared};
pub use stores::Stores;
pub use tcp_proxy::TcpProxy;
pub use wait::{eventually, tick};
