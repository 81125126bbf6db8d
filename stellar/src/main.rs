//! `stellar`: what an operator runs beside the services.

mod doctor;

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
}

#[tokio::main]
async fn main() -> ExitCode {
    // The first and only installation, so there is none that it could disagree with.
    rustls::crypto::ring::default_provider().install_default().ok();
    let Command::Doctor { json } = Cli::parse().command;
    let surroundings = doctor::Surroundings::of_process();
    let findings = Box::pin(doctor::examine(&surroundings)).await;
    doctor::report::print(&findings, json);
    ExitCode::from(u8::from(doctor::report::must_mend(&findings)))
}
