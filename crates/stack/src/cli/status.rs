//! `stack status`.

use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use stack::{Process, Stack, Urls};

pub(crate) async fn run(dir: &Path) -> Result<ExitCode> {
    let stack = Stack::attach(dir)?;
    let mut all_ready = true;
    for process in Process::ALL {
        let ready = stack.is_ready(process).await;
        all_ready &= ready;
        let (pid, up) = match stack.pid(process) {
            Some(pid) => (pid.to_string(), "up"),
            None => ("-".to_owned(), "down"),
        };
        let ready = if ready { "ready" } else { "not ready" };
        println!("{process:12}  {pid:>8}  {up:4}  {ready}");
    }
    let Urls { gateway_url, frontend_url, outbox, .. } = stack.urls();
    println!(
        "\ngateway   {gateway_url}\nfrontend  {frontend_url} (not part of the stack)\nmails     {}",
        outbox.display()
    );
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
