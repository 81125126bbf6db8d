//! The whole system on one machine.
//!
//! `./dev` and the end-to-end tests start the same processes by the same code:
//! Postgres, Redis, NATS, the five services and the example panel, all on
//! loopback, with everything they write below one directory.
//!
//! ```text
//! Stack::start ─▶ dirs, secrets, ports, programs      checked before anything runs
//!              ─▶ postgres, redis, nats               their files are written
//!              ─▶ keeper (one per process)            starts it, restarts it, ends it
//!              ─▶ probe                               until everything is ready
//! ```
//!
//! In a test:
//!
//! ```no_run
//! # async fn example(dir: std::path::PathBuf) -> anyhow::Result<()> {
//! use stack::{Options, Process, Stack};
//!
//! let stack = Stack::start(Options { quiet: true, ..Options::new(dir) }).await?;
//! stack.kill(Process::Redis).await;   // as if it had crashed; it stays down
//! stack.launch(Process::Redis).await; // and is back
//! stack.wait_ready().await?;
//! stack.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod accounts;
mod assemble;
mod attached;
mod console;
mod dirs;
mod env;
mod keeper;
mod launch;
mod nats;
mod options;
mod ports;
mod postgres;
mod probe;
mod process;
mod programs;
mod record;
mod redis;
mod secrets;
mod signals;
mod stack;
mod urls;

pub use attached::Attached;
pub use console::last_lines;
pub use dirs::{forget, is_running};
pub use options::{Options, StoreTls};
pub use process::Process;
pub use programs::bin_dir;
pub use stack::Stack;
pub use urls::{StoreUrls, Urls};
