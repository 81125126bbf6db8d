//! `stack up`, in the foreground and behind `--detach`.

use std::process::ExitCode;

use anyhow::{Context, Result};
use stack::{Options, Stack, forget};
use tokio::signal::unix::{SignalKind, signal};

use crate::Up;
use crate::cli::summary;

pub(crate) async fn run(up: &Up) -> Result<ExitCode> {
    if up.background {
        // Away from the terminal, so that closing it does not end us.
        rustix::process::setsid().context("leaving the terminal")?;
    }
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for Ctrl-C")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let mut hangup = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
    let mut asked_to_stop = std::pin::pin!(async {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => {}
        }
    });

    if up.fresh {
        forget(&up.place.dir)?;
    }
    let options = Options { port_base: Some(up.port_base), ..Options::new(&up.place.dir) };
    let options = options.with_replicas(up.gateways.into(), up.session_svcs.into());
    let options = if up.nats_servers == "3" { options.with_nats_cluster() } else { options };
    let stack = tokio::select! {
        stack = Stack::launch_all(options) => stack?,
        () = &mut asked_to_stop => return Ok(ExitCode::FAILURE),
    };
    let started = tokio::select! {
        started = stack.wait_started() => started.map(|()| true),
        () = &mut asked_to_stop => Ok(false),
    };
    if let Ok(true) = started {
        summary::print(&summary::of(stack.urls(), "Ctrl-C stops it."));
        asked_to_stop.await;
    }
    stack.shutdown().await;
    Ok(if started? { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
