//! What other services ask over NATS.

use auth_types::UserId;
use contract::mfa::{DeleteUser, ForgetDevices, ForgetReason, Gate, GateAnswer, RemoveFactors};
use service_kit::{Error, Fault, Kit, While};
use sqlx::PgConnection;

use crate::{
    app::App,
    gate,
    store::{self, ceremonies, guards, passkeys, two_factors},
};

pub fn serve(app: &App, kit: &Kit) {
    let (pass, forget) = (app.clone(), app.clone());
    let (remove, delete) = (app.clone(), app.clone());
    app.bus.serve(kit, move |call| gate(pass.clone(), call));
    app.bus.serve(kit, move |call| forget_devices(forget.clone(), call));
    app.bus.serve(kit, move |call| remove_factors(remove.clone(), call));
    app.bus.serve(kit, move |call| delete_user(delete.clone(), call));
}

async fn gate(app: App, call: Gate) -> Result<GateAnswer, Error> {
    let now = app.clock.now();
    gate::judge(&app, &call, call.first.into(), now).await
}

async fn forget_devices(app: App, call: ForgetDevices) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to forget devices")?;
    store::forget_grants(&mut tx, &call.user_id).await?;
    if call.reason == ForgetReason::NewPassword {
        guards::clear_all(&mut *tx, &call.user_id).await?;
    }
    Ok(tx.commit().await.doing("forgetting devices")?)
}

/// Passkeys stay.
async fn remove_factors(app: App, call: RemoveFactors) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to remove a user's factors")?;
    forget_factors(&mut tx, &call.user_id).await?;
    Ok(tx.commit().await.doing("removing a user's factors")?)
}

async fn delete_user(app: App, call: DeleteUser) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to delete a user's factors")?;
    forget_factors(&mut tx, &call.user_id).await?;
    ceremonies::delete_of_user(&mut *tx, &call.user_id).await?;
    passkeys::delete_of_user(&mut *tx, &call.user_id).await?;
    Ok(tx.commit().await.doing("deleting a user's factors")?)
}

async fn forget_factors(tx: &mut PgConnection, user: &UserId) -> Result<(), Fault> {
    store::forget_grants(&mut *tx, user).await?;
    guards::clear_all(&mut *tx, user).await?;
    two_factors::delete(tx, user).await
}
