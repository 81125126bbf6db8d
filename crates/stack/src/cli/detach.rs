//! `stack up --detach`: starts a stack that stays, and shows how it goes.

use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{ExitCode, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use stack::{Stack, forget};
use tokio::process::{Child, Command};
use tokio::time::interval;

use crate::Up;
use crate::cli::summary;

pub(crate) async fn run(up: &Up) -> Result<ExitCode> {
    let dir = &up.place.dir;
    // A second stack would write over the log of the first.
    ensure!(!stack::is_running(dir)?, "a stack already runs in {}; stop it first", dir.display());
    if up.fresh {
        forget(dir)?;
    }
    let (log, mut news) = open_log(dir)?;
    let mut supervisor = Command::new(std::env::current_exe().context("finding our own binary")?)
        .args(["up", "--background", "--port-base", &up.port_base.to_string(), "--dir"])
        .arg(dir)
        .args(["--gateways", &up.gateways.to_string()])
        .args(["--session-svcs", &up.session_svcs.to_string()])
        .args(["--nats-servers", &up.nats_servers])
        .stdin(Stdio::null())
        .stdout(Stdio::null()) // the lines of the processes have their own logs
        .stderr(log)
        .spawn()
        .context("starting the supervisor")?;

    let ready = tokio::select! {
        ready = follow(&mut supervisor, &mut news, dir) => ready,
        _ = tokio::signal::ctrl_c() => {
            terminate(&mut supervisor).await;
            Ok(false)
        }
    };
    show(&mut news)?;
    if !ready? {
        return Ok(ExitCode::FAILURE);
    }
    summary::print(&summary::of(Stack::attach(dir)?.urls(), "`./dev down` stops it."));
    Ok(ExitCode::SUCCESS)
}

/// What the supervisor says, for it to write and for us to read.
fn open_log(dir: &Path) -> Result<(File, File)> {
    let logs = dir.join("logs");
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&logs)
        .with_context(|| format!("creating {}", logs.display()))?;
    let path = logs.join("stack.log");
    let write = File::create(&path).with_context(|| format!("creating {}", path.display()))?;
    let read = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
    Ok((write, read))
}

/// Passes on what the supervisor says, until all is ready or it gives up.
async fn follow(supervisor: &mut Child, news: &mut File, dir: &Path) -> Result<bool> {
    let mut tick = interval(Duration::from_millis(50));
    loop {
        tick.tick().await;
        show(news)?;
        if supervisor.try_wait().context("watching the supervisor")?.is_some() {
            return Ok(false);
        }
        if Stack::attach(dir).is_ok_and(|stack| stack.has_been_ready()) {
            return Ok(true);
        }
    }
}

fn show(news: &mut File) -> Result<()> {
    let mut fresh = Vec::new();
    news.read_to_end(&mut fresh).context("reading the supervisor's log")?;
    io::Write::write_all(&mut io::stderr(), &fresh).context("passing on the supervisor's log")
}

async fn terminate(supervisor: &mut Child) {
    let pid = supervisor.id().and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It may have ended by itself in between.
        kill_process(pid, Signal::TERM).ok();
    }
    supervisor.wait().await.map(drop).ok();
}
