//! A changed second factor, and what follows from it wherever it is made.
//!
//! In the transaction that makes the change: sign-ins that are half way end, no device is
//! trusted any more, and it is promised that identity-svc notes the change (which ends
//! the user's other sessions) and that the user gets a mail.

use contract::{
    Refusal,
    identity::SetTwoFactor,
    mail::{FactorChange, Template},
    session::{RotateSession, SessionOpened},
    user::UserSnapshot,
};
use service_kit::{Current, Error, Fault, delivery::OwnPromise};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{app::App, promises, store};

/// What identity-svc has been promised to be told.
pub struct Change(OwnPromise<SetTwoFactor>);

impl Change {
    pub async fn make(
        tx: &mut PgConnection,
        current: &Current,
        change: FactorChange,
    ) -> Result<Self, Fault> {
        let user = &current.live.user;
        store::forget_grants(&mut *tx, &user.id).await?;
        let call = SetTwoFactor {
            change: Uuid::now_v7(),
            user_id: user.id.clone(),
            enabled: change != FactorChange::Disabled,
            kept: current.live.session.id.clone(),
        };
        let promise = OwnPromise::make(&mut *tx, call.change, call).await?;
        promises::mail(tx, user, Template::TwoFactorChanged { name: user.name.clone(), change })
            .await?;
        Ok(Self(promise))
    }

    /// Tries at once, after the commit, and gives back what the user is then. If it fails,
    /// the outbox goes on trying, and the caller is told that it is not done yet.
    pub async fn keep(self, app: &App) -> Result<UserSnapshot, Error> {
        let call = self.0.call();
        app.metrics.changes.inc();
        tracing::info!(target: "security", { user.id = %call.user_id, enabled = call.enabled }, "a second factor was changed");
        let user = self.0.keep(&app.db, &app.bus, &app.bell).await?;
        user.ok_or_else(|| Refusal::Unauthorized.into())
    }
}

/// Puts a new session in the place of the one in which the change was made (contract 3.2).
pub async fn rotate(
    app: &App,
    current: &Current,
    user: UserSnapshot,
) -> Result<SessionOpened, Error> {
    let rotate = RotateSession { user, from: current.digest() };
    Ok(app.bus.request(&rotate).await?)
}
