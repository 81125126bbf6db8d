//! A small application behind the gateway.
//!
//! It never sees a password or a cookie it would have to understand. Every
//! request the gateway lets through carries `X-Identity-Token`, which says who
//! is asking; `identity.rs` checks it, and `routes.rs` is the application.

mod identity;
mod routes;
mod websocket;

use std::io::IsTerminal;
use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::signal::unix::{SignalKind, signal};

/// An example application behind the gateway
#[derive(Parser)]
#[command(version)]
struct Config {
    #[command(subcommand)]
    command: Option<Command>,
    #[arg(long, env, default_value = "127.0.0.1:3010")]
    listen_addr: SocketAddr,
    /// Where the gateway publishes the keys it signs with
    #[arg(long, env)]
    jwks_url: String,
    /// The gateway's own public URL
    #[arg(long, env)]
    issuer: String,
    /// What the gateway calls us: the name of the upstream in its routes file
    #[arg(long, env, default_value = "panel")]
    audience: String,
    /// The folder of our page, served below /page; without it there is none
    #[arg(long, env)]
    page_dir: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Command {
    /// Whether the panel that runs here answers, for a container's health check
    Healthcheck,
}

/// Whoever listens can answer: there is nothing that it needs.
async fn healthcheck(address: SocketAddr) -> Result<()> {
    let address = SocketAddr::new([127, 0, 0, 1].into(), address.port());
    TcpStream::connect(address).await.map(drop).context("the panel does not answer")
}

/// Lets more connections wait than the usual 128: the gateway opens hundreds at once
/// when as many handshakes come, and those that find no place are refused.
fn listen(addr: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(4096)
}

#[tokio::main]
async fn main() -> Result<()> {
    let coloured = std::io::stderr().is_terminal();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(coloured).init();
    let config = Config::parse();
    if let Some(Command::Healthcheck) = config.command {
        return healthcheck(config.listen_addr).await;
    }
    let verifier =
        identity::Verifier::new(config.jwks_url.clone(), &config.issuer, &config.audience)?;
    // What the gateway gives browsers for WebSockets is addressed to those alone.
    let tickets = identity::Verifier::new(config.jwks_url, &config.issuer, "ws")?;
    let app = routes::App { verifier, tickets };

    let listener = listen(config.listen_addr);
    let listener = listener.with_context(|| format!("cannot listen on {}", config.listen_addr))?;
    tracing::info!("listening on http://{}", config.listen_addr);

    let mut terminate = signal(SignalKind::terminate())?;
    axum::serve(listener, routes::all(app, config.page_dir))
        .with_graceful_shutdown(async move {
            terminate.recv().await;
        })
        .await?;
    Ok(())
}
