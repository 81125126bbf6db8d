//! What other services and the gateway ask over NATS.

use auth_types::TokenDigest;
use contract::session::{
    CreateSession, LiveSession, RefreshSession, ResolveSession, RevokeUser, SessionOpened, UserChanged,
    Version,
};
use service_kit::{Error, Fault, While, fault::Chain};

use crate::{
    app::App,
    model::opening,
    revocation,
    store::{
        pending_revocations::{self, Ending, Notes},
        sessions, user_snapshots,
    },
};

/// The one place where a session begins.
pub async fn create(app: App, call: CreateSession) -> Result<SessionOpened, Error> {
    let now = app.clock.now();
    let mut tx = app.db.begin().await.doing("starting to open a session")?;
    let known = user_snapshots::learn(&mut tx, &call.user).await?;
    opening::check(&known, call.user.version, now)?;
    let (token, session) =
        opening::open(&known.snapshot, call.lifetime, call.client, now, &mut rand::rng());
    sessions::insert(&mut *tx, &session, token.digest(), call.proof).await?;
    tx.commit().await.doing("opening a session")?;

    app.metrics.opened.inc();
    tracing::info!(user.id = %session.user_id, session.id = %session.id, proof = ?call.proof, "a session was opened");
    let version = Version { session: 1, user: known.snapshot.version };
    let live = LiveSession { session: session.clone(), user: known.snapshot.user, version };
    copy(&app, token.digest(), &live).await;
    Ok(SessionOpened { token, session })
}

/// Reads the truth, for a gateway that found no copy it can believe.
pub async fn resolve(app: App, call: ResolveSession) -> Result<Option<LiveSession>, Error> {
    let live = sessions::find_live(&app.db, call.digest, app.clock.now()).await?;
    match &live {
        Some(live) => {
            app.metrics.resolved.inc();
            copy(&app, call.digest, live).await;
        }
        None => {
            app.metrics.resolved_none.inc();
        }
    }
    Ok(live)
}

/// Extends a session that is due, and gives back what stands.
pub async fn refresh(app: App, call: RefreshSession) -> Result<Option<LiveSession>, Error> {
    Ok(extend(&app, call.digest).await?)
}

/// See [`refresh`]; also for our own routes, which extend what they resolve.
pub async fn extend(app: &App, digest: TokenDigest) -> Result<Option<LiveSession>, Fault> {
    let now = app.clock.now();
    if sessions::extend(&app.db, digest, now).await? {
        app.metrics.extended.inc();
    }
    let live = sessions::find_live(&app.db, digest, now).await?;
    if let Some(live) = &live {
        copy(app, digest, live).await;
    }
    Ok(live)
}

/// Rewrites every copy of a changed user's sessions before it answers.
pub async fn user_changed(app: App, call: UserChanged) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to store a changed user")?;
    user_snapshots::learn(&mut tx, &call.user).await?;
    tx.commit().await.doing("storing a changed user")?;
    let sessions = sessions::find_of_user(&app.db, &call.user.user.id, app.clock.now()).await?;
    for (digest, live) in sessions {
        app.copies.put(digest, &live).await?;
    }
    Ok(())
}

/// Ends all sessions of a user, also those that are just being opened on the
/// strength of what the user was before.
pub async fn revoke_user(app: App, call: RevokeUser) -> Result<(), Error> {
    let user = &call.user.user.id;
    let mut tx = app.db.begin().await.doing("starting to revoke a user's sessions")?;
    user_snapshots::learn(&mut tx, &call.user).await?;
    user_snapshots::open_from(&mut tx, user, call.user.version).await?;
    let ended = pending_revocations::end(&mut *tx, Ending::All(user)).await?;
    tx.commit().await.doing("revoking a user's sessions")?;

    app.metrics.revoked.inc_by(ended);
    tracing::info!(user.id = %user, sessions = ended, reason = ?call.reason, "a user's sessions were revoked");
    Ok(revocation::settle(&app, Notes::OfUser(user)).await?)
}

/// Writes a copy if it can. Without one, the gateway asks us; so this never fails
/// a request.
async fn copy(app: &App, digest: TokenDigest, live: &LiveSession) {
    if let Err(fault) = app.copies.put(digest, live).await {
        tracing::warn!(error = %Chain(&fault), "a session's copy was not written");
    }
}
