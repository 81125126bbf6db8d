//! Deleting what is over, until the service stops.

use std::time::Duration;

use service_kit::{Kit, fault::Chain};
use tokio::time::{MissedTickBehavior, interval};

use crate::{app::App, store};

const PURGE_EVERY: Duration = Duration::from_mins(1);

pub fn start(app: &App, kit: &Kit) {
    let (app, stop) = (app.clone(), kit.shutdown().clone());
    kit.spawn(async move {
        let mut beat = interval(PURGE_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            if let Err(fault) = store::purge_over(&app.db, app.clock.now()).await {
                tracing::debug!(error = %Chain(&fault), "what is over could not be purged yet");
            }
        }
    });
}
