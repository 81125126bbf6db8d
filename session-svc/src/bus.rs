//! What other services and the gateway ask over NATS.

use auth_types::TokenDigest;
use contract::{
    Refusal,
    permission::Permission,
    session::{
        CreateSession, Impersonate, LiveSession, RefreshSession, ResolveSession, RevokeReason,
        RevokeSession, RevokeUser, RotateSession, SessionOpened, UserChanged, Version,
    },
    user::User,
};
use service_kit::{Error, Fault, While, fault::Chain};

use crate::{
    app::App,
    model::opening::{self, Ground},
    revocation,
    store::{
        copies::Pen,
        pending_revocations::{self, Ending, Notes},
        sessions, user_snapshots,
    },
};

/// The one place where a session begins.
pub async fn create(app: App, call: CreateSession) -> Result<SessionOpened, Error> {
    let (now, pen) = (app.clock.now(), app.copies.pen());
    let mut tx = app.db.begin().await.doing("starting to open a session")?;
    let known = user_snapshots::learn(&mut tx, &call.user).await?;
    opening::check(&known, call.user.version, now)?;
    opening::check_proof(&known, call.proof)?;
    let (token, session) =
        opening::open(&known.snapshot, call.lifetime, call.client, now, &mut rand::rng());
    sessions::insert(&mut *tx, &session, token.digest(), Ground::Proof(call.proof)).await?;
    tx.commit().await.doing("opening a session")?;

    app.metrics.opened.inc();
    tracing::info!(user.id = %session.user_id, session.id = %session.id, proof = ?call.proof, "a session was opened");
    let version = Version { session: 1, user: known.snapshot.version };
    let live = LiveSession { session: session.clone(), user: known.snapshot.user, version };
    copy(&pen, token.digest(), &live).await;
    Ok(SessionOpened { token, session })
}

/// Opens a session in which an admin acts as somebody else. The admin's own session
/// is held meanwhile, so that the two cannot end in the wrong order.
pub async fn impersonate(app: App, call: Impersonate) -> Result<SessionOpened, Error> {
    let (now, pen) = (app.clock.now(), app.copies.pen());
    let mut tx = app.db.begin().await.doing("starting an impersonation")?;
    let from = sessions::hold_live(&mut tx, call.from, now).await?;
    let from = from.ok_or(Permission::Impersonate.refusal())?;
    let known = user_snapshots::learn(&mut tx, &call.user).await?;
    opening::check_impersonation(&from, &known, now)?;
    opening::check(&known, call.user.version, now)?;
    let admin = from.user.id;
    let (token, session) =
        opening::impersonate(&known.snapshot, admin, call.client, now, &mut rand::rng());
    sessions::insert(&mut *tx, &session, token.digest(), Ground::Impersonation(&from.session.id))
        .await?;
    tx.commit().await.doing("opening an impersonation")?;

    app.metrics.opened.inc();
    let version = Version { session: 1, user: known.snapshot.version };
    let live = LiveSession { session: session.clone(), user: known.snapshot.user, version };
    copy(&pen, token.digest(), &live).await;
    Ok(SessionOpened { token, session })
}

/// Puts a new session in the place of one that stands; of many callers one does.
pub async fn rotate(app: App, call: RotateSession) -> Result<SessionOpened, Error> {
    let (now, pen) = (app.clock.now(), app.copies.pen());
    let mut tx = app.db.begin().await.doing("starting to rotate a session")?;
    let known = user_snapshots::learn(&mut tx, &call.user).await?;
    opening::check(&known, call.user.version, now)?;
    let old = sessions::hold_live(&mut tx, call.from, now).await?;
    let old =
        old.filter(|old| old.user.id == call.user.user.id).ok_or(Refusal::Unauthorized)?.session;
    let replaced = old.id.clone();
    let (token, session) = opening::rotate(&known.snapshot, old, now, &mut rand::rng())?;
    sessions::insert(&mut *tx, &session, token.digest(), Ground::Rotation(&replaced)).await?;
    pending_revocations::end(&mut tx, Ending::Of(call.from)).await?;
    tx.commit().await.doing("rotating a session")?;

    app.metrics.rotated.inc();
    tracing::info!(user.id = %session.user_id, session.id = %session.id, replaced = %replaced, "a session was rotated");
    revocation::settle(&app, Notes::Of(call.from)).await?;
    let version = Version { session: 1, user: known.snapshot.version };
    let live = LiveSession { session: session.clone(), user: known.snapshot.user, version };
    copy(&pen, token.digest(), &live).await;
    Ok(SessionOpened { token, session })
}

/// Reads the truth, for a gateway that found no copy it can believe.
pub async fn resolve(app: App, call: ResolveSession) -> Result<Option<LiveSession>, Error> {
    let pen = app.copies.pen();
    let live = sessions::find_live(&app.db, call.digest, app.clock.now()).await?;
    match &live {
        Some(live) => {
            app.metrics.resolved.inc();
            copy(&pen, call.digest, live).await;
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
    let (now, pen) = (app.clock.now(), app.copies.pen());
    if sessions::extend(&app.db, digest, now).await? {
        app.metrics.extended.inc();
    }
    let live = sessions::find_live(&app.db, digest, now).await?;
    if let Some(live) = &live {
        copy(&pen, digest, live).await;
    }
    Ok(live)
}

/// Rewrites every copy of a changed user's sessions before it answers.
pub async fn user_changed(app: App, call: UserChanged) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to store a changed user")?;
    let known = user_snapshots::learn(&mut tx, &call.user).await?.snapshot.user;
    let ended = pending_revocations::end(&mut tx, not_any_more(&known)).await?;
    tx.commit().await.doing("storing a changed user")?;
    app.metrics.revoked.inc_by(ended);
    let settled = revocation::settle(&app, Notes::OfImpersonations);
    tokio::try_join!(settled, revocation::show(&app, &call.user.user.id))?;
    Ok(())
}

/// Nobody acts as an admin, and nobody else acts as others: what a change of the
/// user's role leaves behind of either ends.
fn not_any_more(user: &User) -> Ending<'_> {
    if Permission::Impersonate.is_held_by(&user.role) {
        Ending::ImpersonationsOf(&user.id)
    } else {
        Ending::ImpersonationsBy(&user.id)
    }
}

/// Ends one session, if it has not ended yet.
pub async fn revoke(app: App, call: RevokeSession) -> Result<(), Error> {
    Ok(revocation::revoke(&app, Ending::Of(call.digest)).await?)
}

/// Ends all sessions of a user, also those that are just being opened on the
/// strength of what the user was before.
pub async fn revoke_user(app: App, call: RevokeUser) -> Result<(), Error> {
    let user = &call.user.user.id;
    let mut tx = app.db.begin().await.doing("starting to revoke a user's sessions")?;
    user_snapshots::learn(&mut tx, &call.user).await?;
    user_snapshots::open_from(&mut tx, user, call.user.version).await?;
    let ending = call.keep.as_ref().map_or(Ending::All(user), |kept| Ending::AllBut(user, kept));
    let ended = pending_revocations::end(&mut tx, ending).await?;
    if call.reason == RevokeReason::UserDeleted {
        user_snapshots::forget_person(&mut tx, user).await?;
    }
    tx.commit().await.doing("revoking a user's sessions")?;

    app.metrics.revoked.inc_by(ended);
    tracing::info!(user.id = %user, sessions = ended, reason = ?call.reason, "a user's sessions were revoked");
    tokio::try_join!(
        revocation::settle(&app, Notes::OfUser(user)),
        revocation::settle(&app, Notes::OfImpersonations),
        revocation::show(&app, user),
    )?;
    Ok(())
}

/// Writes a copy if it can. Without one, the gateway asks us; so this never fails
/// a request.
async fn copy(pen: &Pen, digest: TokenDigest, live: &LiveSession) {
    if let Err(fault) = pen.put(digest, live).await {
        tracing::warn!(error = %Chain(&fault), "a session's copy was not written");
    }
}
