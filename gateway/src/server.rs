//! Starting and stopping.
//!
//! pingora serves requests on threads of its own; the connections to Redis and
//! NATS, and the admin port, live on a runtime beside it.

use std::{net::TcpListener, process::ExitCode, time::Duration};

use anyhow::Context;
use async_trait::async_trait;
use pingora::{
    proxy::http_proxy_service,
    server::{RunArgs, Server, ShutdownSignal, ShutdownSignalWatch, configuration::ServerConf},
};
use service_kit::{Kit, kit::fail};
use tokio::{
    runtime::Runtime,
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use crate::{config::Config, proxy::Proxy, state::Gateway};

/// How long requests that were taken may still run once we stop.
const DRAIN: Duration = Duration::from_secs(8);

#[must_use]
pub fn run(config: Config) -> ExitCode {
    match serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn serve(config: Config) -> anyhow::Result<()> {
    let (listen, admin, threads) = (config.listen, config.admin, config.threads);
    // pingora ends the process when it cannot listen; this way the reason is clear.
    drop(TcpListener::bind(listen).with_context(|| format!("cannot listen on {listen}"))?);
    let runtime = Runtime::new()?;
    let (gateway, stop) = runtime.block_on(async {
        let mut kit = Kit::new("gateway");
        let gateway = Gateway::start(config, &mut kit).await?;
        kit.serve_admin(admin).await?;
        anyhow::Ok((gateway, kit.shutdown().clone()))
    })?;

    let mut server = Server::new_with_opt_and_conf(None, server_conf(threads));
    server.bootstrap();
    let mut proxy = http_proxy_service(&server.configuration, Proxy(gateway));
    proxy.add_tcp(&listen.to_string());
    server.add_service(proxy);
    server.run(RunArgs { shutdown_signal: Box::new(Signals(stop)) });
    Ok(())
}

fn server_conf(threads: usize) -> ServerConf {
    ServerConf {
        threads,
        grace_period_seconds: Some(0),
        graceful_shutdown_timeout_seconds: Some(DRAIN.as_secs()),
        upstream_keepalive_pool_size: 512,
        // More than any route has; `retry` decides.
        // `failure` says for each failure whether to try again.
        max_retries: 100,
        ..ServerConf::default()
    }
}

/// SIGTERM and SIGINT alike: not ready from now on, then finish and stop.
struct Signals(CancellationToken);

#[async_trait]
impl ShutdownSignalWatch for Signals {
    async fn recv(&self) -> ShutdownSignal {
        if let (Ok(mut term), Ok(mut int)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        {
            tokio::select! {
                _ = term.recv() => {}
                _ = int.recv() => {}
            }
        } else {
            tracing::error!("signals cannot be watched");
        }
        tracing::info!("stopping");
        self.0.cancel();
        ShutdownSignal::GracefulTerminate
    }
}
