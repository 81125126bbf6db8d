//! The routes in force, and how a new file takes the place of the one before.
//!
//! A request goes on with the routes it began with. A file with a mistake changes
//! nothing but the log and a counter.

use std::{path::PathBuf, sync::Arc};

use anyhow::Context;
use arc_swap::ArcSwap;
use service_kit::Kit;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    app_routes::AppRoutes,
    metrics::{Metrics, Reload},
    routes_file::{Problems, RoutesFile},
};

pub struct Application {
    file: Option<PathBuf>,
    current: ArcSwap<AppRoutes>,
    metrics: Metrics,
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Application {
    /// Without a file there are no routes. One with a mistake is an error now.
    pub async fn start(
        file: Option<PathBuf>,
        metrics: &Metrics,
        kit: &Kit,
    ) -> anyhow::Result<Arc<Self>> {
        let application = Arc::new(Self {
            file,
            current: ArcSwap::default(),
            metrics: metrics.clone(),
            tasks: kit.tasks().clone(),
            stop: kit.shutdown().clone(),
        });
        application.load().await?;
        let asked = signal(SignalKind::hangup()).context("watching for SIGHUP")?;
        kit.spawn(Arc::clone(&application).reload_when_asked(asked));
        Ok(application)
    }

    #[must_use]
    pub fn routes(&self) -> arc_swap::Guard<Arc<AppRoutes>> {
        self.current.load()
    }

    async fn load(&self) -> Result<(), Problems> {
        let Some(file) = &self.file else { return Ok(()) };
        let before = self.current.load_full();
        let after = AppRoutes::build(RoutesFile::load(file)?, &before);
        let new = after
            .upstreams()
            .iter()
            .filter(|upstream| !before.upstreams().iter().any(|kept| Arc::ptr_eq(kept, upstream)));
        // Looked up before the first request needs them.
        for upstream in new {
            upstream.look_up().await;
            upstream.tend(&self.metrics, &self.tasks, &self.stop);
        }
        self.current.store(Arc::new(after));
        self.metrics.routes_generation.inc();
        Ok(())
    }

    async fn reload_when_asked(self: Arc<Self>, mut asked: Signal) {
        while let Some(Some(())) = self.stop.run_until_cancelled(asked.recv()).await {
            match self.load().await {
                Ok(()) => {
                    self.metrics.reloaded(Reload::Accepted);
                    tracing::info!("the routes file was read again");
                }
                Err(problems) => {
                    self.metrics.reloaded(Reload::Refused);
                    tracing::error!(%problems, "the routes from before stay in force");
                }
            }
        }
    }
}
