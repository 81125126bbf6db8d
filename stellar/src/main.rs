//! `stellar`: what an operator runs beside the services.

mod doctor;
mod streams;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "stellar", version, about = "Tools for whoever runs Stellar Auth")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Examine a deployment with the environment of its services, and say what is
    /// wrong and how to mend it. Ends with 1 when something must be mended.
    ///
    /// Reads the variables that the services read. Each store is examined with every
    /// variable whose name ends in `DATABASE_URL`, `REDIS_URL` or `NATS_URL`, so that
    /// the accounts of several services can be examined in one run, as in
    /// `IDENTITY_DATABASE_URL=… SESSION_DATABASE_URL=… stellar doctor`.
    Doctor {
        /// Print the findings as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have so many servers of NATS keep each of mailer-svc's streams.
    ///
    /// Once, after a single server of NATS has become a cluster, or the reverse; streams
    /// that are made in a cluster are kept by three from the beginning. mailer-svc makes
    /// its consumer anew each time, so the same number again mends one without a leader.
    /// `NATS_URL` holds the operator's account: no service may do this.
    Streams {
        /// How many servers.
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=5))]
        replicas: u8,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    // The first and only installation, so there is none that it could disagree with.
    rustls::crypto::ring::default_provider().install_default().ok();
    match Cli::parse().command {
        Command::Doctor { json } => examine(json).await,
        Command::Streams { replicas } => streams::spread(replicas.into()).await,
    }
}

async fn examine(json: bool) -> ExitCode {
    let surroundings = doctor::Surroundings::of_process();
    let findings = Box::pin(doctor::examine(&surroundings)).await;
    doctor::report::print(&findings, json);
    ExitCode::from(u8::from(doctor::report::must_mend(&findings)))
}
