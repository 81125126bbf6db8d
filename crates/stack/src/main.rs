//! `stack`: the system on this machine, from the command line.

#![expect(clippy::print_stderr, reason = "a command talks to its terminal")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

mod cli {
    pub(crate) mod detach;
    pub(crate) mod down;
    pub(crate) mod status;
    pub(crate) mod summary;
    pub(crate) mod up;
}

/// Run the whole system on this machine
#[derive(Parser)]
#[command(name = "stack", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start everything; Ctrl-C stops it
    Up(Up),
    /// Stop a stack that was started with --detach
    Down(Place),
    /// Say what runs; succeeds only when all of it is ready
    Status(Place),
}

#[derive(Args)]
struct Place {
    /// Where the stack keeps its state
    #[arg(long, default_value = ".stack", value_name = "DIR")]
    dir: PathBuf,
}

#[derive(Args)]
struct Up {
    #[command(flatten)]
    place: Place,
    /// The frontend's port; the gateway takes the next, the rest those after that
    #[arg(long, default_value_t = 3000, value_name = "N")]
    port_base: u16,
    /// How many gateways to run
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=3))]
    gateways: u8,
    /// How many replicas of session-svc to run
    #[arg(long, default_value_t = 1, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=2))]
    session_svcs: u8,
    /// How many servers of NATS to run: one, or a cluster of three
    #[arg(long, default_value = "1", value_name = "N", value_parser = ["1", "3"])]
    nats_servers: String,
    /// Start in the background, and return when all is ready
    #[arg(long)]
    detach: bool,
    /// Forget the state of earlier runs first
    #[arg(long)]
    fresh: bool,
    /// We are what --detach started.
    #[arg(long, hide = true, conflicts_with_all = ["detach", "fresh"])]
    background: bool,
}

// The calls wait for processes, not for a processor: one thread is enough.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Up(up) if up.detach => cli::detach::run(&up).await,
        Command::Up(up) => cli::up::run(&up).await,
        Command::Down(place) => cli::down::run(&place.dir).await,
        Command::Status(place) => cli::status::run(&place.dir).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("stack: {error:#}");
            ExitCode::FAILURE
        }
    }
}
