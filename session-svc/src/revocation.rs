//! How a session ends: Postgres first, then Redis, then everybody is told.
//!
//! The statement that deletes a session leaves a note (`pending_revocation`). The
//! note goes when Redis has dropped the copy, and only when no note of the user is
//! left is a caller told that it is done. If Redis is away the gateways are told
//! all the same, the caller gets a 503, and [`start_settling`] keeps trying.

use std::time::Duration;

use contract::session::SessionsRevoked;
use service_kit::{Fault, Kit, While, fault::Chain};
use tokio::time::{MissedTickBehavior, interval};

use crate::{
    app::App,
    store::{
        pending_revocations::{self, Ending, Notes, Pending},
        sessions,
    },
};

/// How often notes that were left standing are looked at.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// Sessions that have been over for this long are purged.
const PURGE_AFTER: Duration = Duration::from_hours(24);

/// Ends sessions, and returns when they are dead everywhere we can reach.
pub async fn revoke(app: &App, ending: Ending<'_>) -> Result<(), Fault> {
    let mut tx = app.db.begin().await.doing("starting to end sessions")?;
    let ended = pending_revocations::end(&mut tx, ending).await?;
    tx.commit().await.doing("ending sessions")?;
    app.metrics.revoked.inc_by(ended);
    settle(app, notes(ending)).await?;
    settle(app, Notes::OfImpersonations).await
}

/// Sees to it that Redis has dropped what these notes speak of. Notes that an
/// earlier call left standing count too: nobody is told that it is done while a
/// copy may live.
pub async fn settle(app: &App, notes: Notes<'_>) -> Result<(), Fault> {
    loop {
        let pending = pending_revocations::find(&app.db, notes).await?;
        if pending.is_empty() {
            return Ok(());
        }
        let dropped = app.copies.revoke(&pending, app.clock.now()).await;
        tell(app, &pending).await;
        dropped?;
        pending_revocations::settle(&app.db, &pending).await?;
    }
}

fn notes(ending: Ending<'_>) -> Notes<'_> {
    match ending {
        Ending::Of(digest) => Notes::Of(digest),
        Ending::Named { user, .. } | Ending::All(user) | Ending::AllBut(user, _) => {
            Notes::OfUser(user)
        }
        Ending::ImpersonationsBy(_) | Ending::ImpersonationsOf(_) => Notes::OfImpersonations,
        // Whose it was is forgotten when an earlier call has ended it already.
        Ending::Anybodys { .. } => Notes::Any,
    }
}

/// The second path to the gateways. It may fail: what it says is in Redis as well.
async fn tell(app: &App, pending: &[Pending]) {
    let digests = pending.iter().map(Pending::digest).collect();
    let told = app.bus.broadcast(SessionsRevoked::SUBJECT, &SessionsRevoked { digests }).await;
    if let Err(fault) = told {
        tracing::warn!(error = %Chain(&fault), "a revocation was not broadcast");
    }
}

/// Keeps settling what is left, and purges what is over, until the service stops.
pub fn start_settling(app: &App, kit: &Kit) {
    let (app, stop) = (app.clone(), kit.shutdown().clone());
    kit.spawn(async move {
        let mut beat = interval(SETTLE_EVERY);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while stop.run_until_cancelled(beat.tick()).await.is_some() {
            if let Err(fault) = tend(&app).await {
                tracing::debug!(error = %Chain(&fault), "revocations could not be settled yet");
            }
        }
    });
}

async fn tend(app: &App) -> Result<(), Fault> {
    app.metrics.pending_revocations.set(pending_revocations::count(&app.db).await?);
    settle(app, Notes::Any).await?;
    sessions::purge_over(&app.db, app.clock.now() - PURGE_AFTER).await.map(|_| ())
}
