//! The service's parts, and how they are started.

use std::sync::Arc;

use auth_types::SystemClock;
use secrecy::ExposeSecret;
use service_kit::{Bus, Kit};

use crate::{
    config::Config, consumer::Mailer, ledger::Ledger, metrics::Metrics, queue::Queue,
    render::Templates, transport::Transport,
};

pub async fn start(config: Config, mut kit: Kit) -> anyhow::Result<()> {
    let admin = config.admin;
    start_mailer(config, &mut kit).await?;
    kit.serve_admin(admin).await?;
    kit.run_until_stopped().await
}

/// Everything but the admin port.
pub async fn start_mailer(config: Config, kit: &mut Kit) -> anyhow::Result<()> {
    let templates = Templates::load(config.templates_dir.as_deref())?;
    let bus = Bus::connect(config.nats_url.expose_secret(), kit).await?;
    let mailer = Mailer {
        queue: Queue::new(bus.client().clone()),
        ledger: Ledger::new(bus.client().clone()),
        bus,
        templates,
        transport: Transport::open(config.destination),
        from: config.from,
        metrics: Metrics::register(kit.registry()),
        clock: Arc::new(SystemClock),
    };
    let (stop, tasks) = (kit.shutdown().clone(), kit.tasks().clone());
    kit.spawn(Arc::new(mailer).run(stop, tasks));
    Ok(())
}
