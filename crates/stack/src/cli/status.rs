//! `stack status`.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::Result;
use stack::{Process, Stack, Urls};

use crate::cli::summary;

pub(crate) async fn run(dir: &Path) -> Result<ExitCode> {
    let stack = Stack::attach(dir)?;
    let mut all_ready = true;
    let mut report = String::new();
    let runs = |process: &Process| Process::ALL.contains(process) || stack.pid(*process).is_some();
    for process in Process::every().filter(runs) {
        let ready = stack.is_ready(process).await;
        all_ready &= ready;
        let (pid, up) = match stack.pid(process) {
            Some(pid) => (pid.to_string(), "up"),
            None => ("-".to_owned(), "down"),
        };
        let ready = if ready { "ready" } else { "not ready" };
        writeln!(report, "{process:13}  {pid:>8}  {up:4}  {ready}")?;
    }
    let Urls { gateway_url, frontend_url, outbox, .. } = stack.urls();
    writeln!(report, "\ngateway   {gateway_url}")?;
    writeln!(report, "frontend  {frontend_url} (not part of the stack)")?;
    writeln!(report, "mails     {}", outbox.display())?;
    summary::print(&report);
    Ok(if all_ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
