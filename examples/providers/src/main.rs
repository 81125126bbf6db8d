//! Stand-ins for Google, GitHub and Discord. They let anybody in as anybody, so they
//! listen on loopback and nowhere else.

mod answers;
mod authorize;
mod grant;
mod keys;
mod openid;
mod pages;
mod provider;
mod routes;
mod wish;

use std::io::IsTerminal;
use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

/// Stand-ins for Google, GitHub and Discord, for development and tests
#[derive(Parser)]
struct Config {
    #[arg(long, env, default_value = "127.0.0.1:3014")]
    listen_addr: SocketAddr,
}

#[tokio::main]
async fn main() -> Result<()> {
    let coloured = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(coloured).init();
    let config = Config::parse();
    ensure!(config.listen_addr.ip().is_loopback(), "they let anybody in: loopback only");
    let listener = TcpListener::bind(config.listen_addr).await;
    let listener = listener.with_context(|| format!("cannot listen on {}", config.listen_addr))?;
    tracing::info!("listening on http://{}", config.listen_addr);
    let own = format!("http://{}", config.listen_addr);

    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        served = axum::serve(listener, routes::all(own)) => Ok(served?),
        // Some answers never end, so nothing is waited for.
        _ = terminate.recv() => Ok(()),
    }
}
