//! `stack down`.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use stack::Stack;
use tokio::time::{Instant, interval};

/// Longer than the supervisor gives its processes, one group after the other.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) async fn run(dir: &Path) -> Result<ExitCode> {
    let supervisor = Stack::attach(dir)?.supervisor();
    let pid = i32::try_from(supervisor)
        .ok()
        .and_then(Pid::from_raw)
        .context("the record names no process")?;
    kill_process(pid, Signal::TERM)
        .with_context(|| format!("asking process {supervisor} to stop"))?;
    eprintln!("stopping …");
    let deadline = Instant::now() + PATIENCE;
    let mut tick = interval(Duration::from_millis(50));
    while stack::is_running(dir)? {
        if Instant::now() >= deadline {
            bail!("process {supervisor} has not stopped after {} s", PATIENCE.as_secs());
        }
        tick.tick().await;
    }
    eprintln!("stopped");
    Ok(ExitCode::SUCCESS)
}
