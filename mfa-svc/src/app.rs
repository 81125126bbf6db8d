//! The service's parts, and everything it answers to, on one screen.

use anyhow::Context;
use axum::Router;
use secrecy::ExposeSecret;
use service_kit::{Bus, Kit, http_server};

use crate::{bus, config::Config};

/// Starts everything, and returns when the service has been told to stop.
pub async fn start(config: Config, mut kit: Kit) -> anyhow::Result<()> {
    let bus = Bus::connect(config.nats_url.expose_secret(), &mut kit).await?;
    bus.serve(&kit, bus::gate);
    let gateway_key = config.deployment.secrets.gateway_key();
    http_server::serve(config.listen, Router::new(), gateway_key, &mut kit).await?;
    kit.serve_admin(config.admin).await.context("starting the admin port")?;
    kit.run_until_stopped().await
}
