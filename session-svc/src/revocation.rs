//! How a session ends: Postgres first, then Redis, then every gateway.
//!
//! The statement that deletes a session leaves a note (`pending_revocation`). The
//! note goes when Redis has dropped the copy and no gateway believes any more what it
//! remembers (`receipts`), and only then is a caller told that it is done. If Redis is
//! away the gateways are told all the same, the caller gets a 503, and
//! [`start_settling`] keeps trying.

use std::time::Duration;

use auth_types::{TokenDigest, UserId};
use contract::{revocation::SessionsChanged, session::LiveSession};
use service_kit::{Fault, Kit, While, fault::Chain};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    app::App,
    store::{
        copies::Pen,
        pending_revocations::{self, Ending, Notes, Pending},
        sessions,
    },
};

/// How often notes that were left standing are looked at.
const SETTLE_EVERY: Duration = Duration::from_secs(1);
/// Sessions that have been over for this long are purged.
const PURGE_AFTER: Duration = Duration::from_hours(24);

/// Ends sessions, and returns when they are dead everywhere.
pub async fn revoke(app: &App, ending: Ending<'_>) -> Result<(), Fault> {
    let mut tx = app.db.begin().await.doing("starting to end sessions")?;
    let ended = pending_revocations::end(&mut tx, ending).await?;
    tx.commit().await.doing("ending sessions")?;
    app.metrics.revoked.inc_by(ended);
    tokio::try_join!(settle(app, notes(ending)), settle(app, Notes::OfImpersonations))?;
    Ok(())
}

/// Sees to it that what these notes speak of is dead everywhere. Notes that an earlier
/// call left standing count too: nobody is told that it is done while a copy may live.
pub async fn settle(app: &App, notes: Notes<'_>) -> Result<(), Fault> {
    loop {
        let pending = pending_revocations::find(&app.db, notes).await?;
        if !pending.is_empty() {
            let dropped = app.copies.revoke(&pending, app.clock.now()).await;
            let revoked = pending.iter().map(Pending::digest).collect();
            spread(app, dropped, revoked, Vec::new()).await?;
            pending_revocations::settle(&app.db, &pending).await?;
        }
        // Ours stood before we looked, so they were among these if that was all.
        if pending.len() < pending_revocations::BATCH {
            return Ok(());
        }
    }
}

/// Rewrites the copies of a user's sessions with what is known of the user now, and
/// returns when no gateway knows them otherwise.
pub async fn show(app: &App, user: &UserId) -> Result<(), Fault> {
    let pen = app.copies.pen();
    let sessions = sessions::find_of_user(&app.db, user, app.clock.now()).await?;
    let digests = sessions.iter().map(|(digest, _)| *digest).collect();
    let written = rewrite(&pen, &sessions).await;
    spread(app, written, Vec::new(), digests).await
}

async fn rewrite(pen: &Pen, sessions: &[(TokenDigest, LiveSession)]) -> Result<(), Fault> {
    for (digest, live) in sessions {
        pen.put(*digest, live).await?;
    }
    Ok(())
}

/// Tells the gateways what has been written to Redis just now, and waits for them. If
/// it could not be written there, they are told all the same, but it is not done.
async fn spread(
    app: &App,
    written: Result<(), Fault>,
    revoked: Vec<TokenDigest>,
    rewritten: Vec<TokenDigest>,
) -> Result<(), Fault> {
    let at = Instant::now();
    if revoked.is_empty() && rewritten.is_empty() {
        return written;
    }
    let changed = SessionsChanged { revoked, rewritten, written_at: app.clock.now() };
    match written {
        Ok(()) => app.receipts.collect(&changed, at).await,
        Err(_) => app.receipts.announce(&changed).await,
    }
    written
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
    settle(app, Notes::Left).await?;
    sessions::purge_over(&app.db, app.clock.now() - PURGE_AFTER).await.map(|_| ())
}
