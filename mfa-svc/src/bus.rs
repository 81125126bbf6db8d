//! What other services ask over NATS.

use auth_types::{ChallengeToken, DeviceToken, Timestamp};
use contract::mfa::{
    DeleteUser, FactorOwed, ForgetDevices, ForgetReason, Gate, GateAnswer, Method,
};
use service_kit::{Error, Fault, Kit, While};

use crate::{
    app::App,
    store::{self, challenges, guards, trusted_devices, two_factors},
};

pub fn serve(app: &App, kit: &Kit) {
    let (pass, forget, delete) = (app.clone(), app.clone(), app.clone());
    app.bus.serve(kit, move |call| gate(pass.clone(), call));
    app.bus.serve(kit, move |call| forget_devices(forget.clone(), call));
    app.bus.serve(kit, move |call| delete_user(delete.clone(), call));
}

/// May a sign-in with the right password go on without a second factor? Only from a
/// trusted device; that a user has no app here does not mean that they owe none.
async fn gate(app: App, call: Gate) -> Result<GateAnswer, Error> {
    let now = app.clock.now();
    if let Some(device) = trusted(&app, &call, now).await? {
        app.metrics.devices_passed.inc();
        return Ok(GateAnswer::DeviceTrusted { device });
    }
    let user = &call.user.user.id;
    let challenge = ChallengeToken::generate(&mut rand::rng());
    challenges::insert(&app.db, &challenge, &call.user, call.lifetime, now).await?;
    let app_counts = two_factors::find(&app.db, user).await?.is_some_and(|app| app.verified);
    let methods = if app_counts { vec![Method::Totp, Method::Otp] } else { vec![Method::Otp] };
    app.metrics.challenges.inc();
    tracing::info!(user.id = %user, "a second factor is owed");
    Ok(GateAnswer::FactorOwed(FactorOwed { challenge, methods }))
}

async fn trusted(app: &App, call: &Gate, now: Timestamp) -> Result<Option<DeviceToken>, Fault> {
    let Some(presented) = &call.device else { return Ok(None) };
    let next = DeviceToken::generate(&mut rand::rng());
    let user = &call.user.user.id;
    let known =
        trusted_devices::rotate(&app.db, user, (presented, &next), &call.client, now).await?;
    Ok(known.then_some(next))
}

async fn forget_devices(app: App, call: ForgetDevices) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to forget devices")?;
    store::forget_grants(&mut tx, &call.user_id).await?;
    if call.reason == ForgetReason::NewPassword {
        guards::clear_all(&mut *tx, &call.user_id).await?;
    }
    Ok(tx.commit().await.doing("forgetting devices")?)
}

async fn delete_user(app: App, call: DeleteUser) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to delete a user's factors")?;
    store::forget_grants(&mut tx, &call.user_id).await?;
    guards::clear_all(&mut *tx, &call.user_id).await?;
    two_factors::delete(&mut *tx, &call.user_id).await?;
    Ok(tx.commit().await.doing("deleting a user's factors")?)
}
