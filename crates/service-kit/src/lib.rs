//! How a service starts, logs, measures, refuses, talks and stops.
//!
//! Every service is the same in these respects, so that a reader who knows one
//! knows all of them. What a service *does* is in the service.

pub mod absence;
pub mod admin;
pub mod admin_caller;
pub mod answer;
pub mod body;
pub mod bus;
pub mod client;
pub mod clock_watch;
pub mod config;
pub mod current;
pub mod database;
pub mod delivery;
pub mod deployment;
pub mod error;
pub mod fault;
pub mod fields;
pub mod healthcheck;
pub mod http_server;
pub mod kit;
pub mod listen;
pub mod metrics;
pub mod nats_url;
pub mod outbox;
pub mod reasons;
pub mod redis_link;
pub mod request_id;
pub mod sealing;
pub mod telemetry;
pub mod trace;
pub mod version;

pub use admin_caller::AdminCaller;
pub use answer::{Answered, WithCookies};
pub use bus::{Bus, BusError};
pub use client::{Client, Now, Query};
pub use config::Env;
pub use current::Current;
pub use deployment::Deployment;
pub use error::{Error, PanelError};
pub use fault::{Fault, While};
pub use kit::{Kit, run};
pub use nats_url::NatsUrl;
pub use redis_link::RedisLink;
