//! What follows when a user has another passkey than before, or one less.
//!
//! It is a changed factor: in the transaction that makes the change, sign-ins that are half
//! way end, no device is trusted any more, and it is promised that the user's other
//! sessions end, that the user gets a mail, and an event. The session of the change goes
//! on as it is.

use contract::{
    event::{PASSKEY_ADDED, PASSKEY_REMOVED, PasskeyEvent},
    mail::{PasskeyChange, Template},
    session::{RevokeReason, RevokeUser},
    user::UserSnapshot,
};
use service_kit::{Current, Fault, delivery::OwnPromise, outbox};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{app::App, promises, store};

/// What session-svc has been promised to be told.
pub struct Changed {
    revoke: OwnPromise<RevokeUser>,
    change: PasskeyChange,
}

impl Changed {
    pub async fn make(
        tx: &mut PgConnection,
        current: &Current,
        (passkey_id, passkey_name): (&str, Option<&str>),
        change: PasskeyChange,
    ) -> Result<Self, Fault> {
        let user = &current.live.user;
        store::forget_grants(&mut *tx, &user.id).await?;
        let revoke = RevokeUser {
            user: UserSnapshot { version: current.live.version.user, user: user.clone() },
            reason: RevokeReason::SecondFactorChanged,
            keep: Some(current.live.session.id.clone()),
        };
        let revoke = OwnPromise::make(&mut *tx, Uuid::now_v7(), revoke).await?;
        let event = PasskeyEvent {
            id: Uuid::now_v7(),
            user_id: user.id.clone(),
            passkey_id: passkey_id.to_owned(),
        };
        outbox::promise(&mut *tx, event.id, subject(change), &event).await?;
        let (name, passkey) = (user.name.clone(), passkey_name.unwrap_or_default().to_owned());
        promises::mail(tx, user, Template::PasskeyChanged { name, passkey, change }).await?;
        Ok(Self { revoke, change })
    }

    /// Tries at once, after the commit. If it fails, the outbox goes on trying, and the
    /// caller is told that it is not done yet.
    pub async fn keep(self, app: &App) -> Result<(), Fault> {
        let user = &self.revoke.call().user.user;
        app.metrics.passkey_changed(self.change);
        tracing::info!(target: "security", { user.id = %user.id, change = self.change.name() }, "a user's passkeys were changed");
        self.revoke.keep(&app.db, &app.bus, &app.bell).await
    }
}

fn subject(change: PasskeyChange) -> &'static str {
    match change {
        PasskeyChange::Added => PASSKEY_ADDED,
        PasskeyChange::Removed => PASSKEY_REMOVED,
    }
}
