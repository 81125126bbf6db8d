//! What the gateway costs, beside proxies that ask nobody (docs/performance.md).
//!
//! Everything runs at once on this machine and takes turns under the same load, so
//! ratios mean something and absolute figures little. Every proxy has one thread.
//! The load comes from `wrk`.

mod edge;
mod load;
mod overview;
mod programs;
mod user;

use anyhow::Result;
use clap::{Parser, Subcommand};

use load::Load;

/// Compares the gateway with other proxies.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    suite: Option<Suite>,
    #[command(flatten)]
    load: Load,
}

#[derive(Subcommand)]
enum Suite {
    /// The gateway, a bare pingora proxy and nginx in front of one upstream.
    Edge,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    match arguments.suite {
        None => overview::bench(&arguments.load).await,
        Some(Suite::Edge) => edge::bench(&arguments.load).await,
    }
}
