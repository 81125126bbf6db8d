//! What other services ask over NATS.

use contract::{
    identity::{GetUser, SetTwoFactor, VerifyPassword},
    session::RevokeReason,
    user::UserSnapshot,
};
use service_kit::{Error, Fault, Kit, While};

use crate::{
    app::App,
    credentials,
    model::brake::Lane,
    promises::{self, SessionPromise},
    store::{accounts, users},
};

pub fn serve(app: &App, kit: &Kit) {
    let (get, verify, set) = (app.clone(), app.clone(), app.clone());
    app.bus.serve(kit, move |call| get_user(get.clone(), call));
    app.bus.serve(kit, move |call| verify_password(verify.clone(), call));
    app.bus.serve(kit, move |call| set_two_factor(set.clone(), call));
}

/// A ban that is over is lifted on the way, as at a sign-in with a password (contract 5.4).
async fn get_user(app: App, call: GetUser) -> Result<Option<UserSnapshot>, Error> {
    let user = users::find_by_id(&app.db, &call.user_id).await?;
    match user {
        Some(user) if user.user.banned => {
            let lifted = users::lift_expired_ban(&app.db, &user.user.id, app.clock.now()).await?;
            Ok(Some(lifted.unwrap_or(user)))
        }
        other => Ok(other),
    }
}

/// Takes as long for a user without a password as for one with another.
async fn verify_password(app: App, call: VerifyPassword) -> Result<bool, Error> {
    let hash = accounts::find_password(&app.db, &call.user_id).await?;
    let lane = Lane::of_session(&call.user_id);
    let matches = credentials::check(&app, lane, call.password, hash, app.clock.now()).await?;
    if !matches {
        tracing::info!(target: "security", { user.id = %call.user_id }, "a signed-in user gave a wrong password");
    }
    Ok(matches)
}

/// Answers when every session shows the change, or has ended by it.
async fn set_two_factor(app: App, call: SetTwoFactor) -> Result<Option<UserSnapshot>, Error> {
    let mut tx = app.db.begin().await.doing("starting to change a second factor")?;
    let Some(user) = users::set_two_factor(&mut *tx, &call, app.clock.now()).await? else {
        // Told before, or the user is gone.
        if promises::are_sessions_owed(&mut *tx, &call.user_id).await? {
            let why = "their sessions do not show it yet";
            return Err(Fault::because("changing a second factor", why).into());
        }
        return Ok(users::find_by_id(&mut *tx, &call.user_id).await?);
    };
    let shown = SessionPromise::user_changed(&mut *tx, user.clone()).await?;
    let reason = RevokeReason::SecondFactorChanged;
    let ended = SessionPromise::revoke_others(&mut tx, user.clone(), reason, call.kept).await?;
    tx.commit().await.doing("changing a second factor")?;
    tracing::info!(user.id = %call.user_id, enabled = call.enabled, "a second factor was changed");
    shown.keep(&app).await?;
    ended.keep(&app).await?;
    Ok(Some(user))
}
