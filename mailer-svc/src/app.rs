//! The service's parts, and how they are started.

use std::sync::Arc;

use auth_types::SystemClock;
use service_kit::{Bus, Kit};

use crate::{
    config::Config, consumer::Mailer, ledger::Ledger, metrics::Metrics, queue::Queue,
    render::Templates, streams::Streams, transport::Transport,
};

pub async fn start(config: Config, mut kit: Kit) -> anyhow::Result<()> {
    let admin = config.admin;
    start_mailer(config, &mut kit).await?;
    kit.serve_admin(admin)?;
    kit.run_until_stopped().await
}

/// Everything but the admin port.
pub async fn start_mailer(config: Config, kit: &mut Kit) -> anyhow::Result<()> {
    let templates = Templates::load(config.templates_dir.as_deref())?;
    let bus = Bus::connect(&config.nats_url, kit).await?;
    let streams = Streams::new(bus.client().clone(), config.replicas, kit.registry());
    let mailer = Mailer {
        queue: Queue::new(streams.clone()),
        ledger: Ledger::new(streams.clone()),
        bus,
        templates,
        transport: Transport::open(config.destination),
        from: config.from,
        metrics: Metrics::register(kit.registry()),
        clock: Arc::new(SystemClock),
    };
    let (stop, tasks) = (kit.shutdown().clone(), kit.tasks().clone());
    kit.spawn(Arc::new(mailer).run(stop.clone(), tasks));
    kit.spawn(async move {
        stop.run_until_cancelled(streams.watch()).await;
    });
    Ok(())
}
