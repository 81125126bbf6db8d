//! What must not be lost, though nobody waits for it.

use std::pin::Pin;

use auth_types::UserId;
use contract::{
    Call,
    mfa::{ForgetDevices, ForgetReason},
};
use service_kit::{
    Bus, Fault, Kit, While,
    bus::{CallError, outage},
    outbox::{self, Delivery, Promise},
};
use uuid::Uuid;

use crate::app::App;

/// Whoever signs out everywhere is asked for their second factor everywhere again.
pub async fn forget_devices(app: &App, user: &UserId) -> Result<(), Fault> {
    let forget = ForgetDevices { user_id: user.clone(), reason: ForgetReason::SignedOutEverywhere };
    outbox::promise(&app.db, Uuid::now_v7(), ForgetDevices::SUBJECT, &forget).await?;
    app.bell.ring();
    Ok(())
}

/// Delivers promises until the service stops.
pub fn start(app: &App, kit: &mut Kit) {
    let bus = app.bus.clone();
    outbox::start(app.db.clone(), app.bell.clone(), kit, move |promise| {
        deliver(bus.clone(), promise)
    });
}

fn deliver(
    bus: Bus,
    promise: Promise,
) -> Pin<Box<dyn Future<Output = Result<Delivery, Fault>> + Send>> {
    Box::pin(async move {
        if promise.subject != ForgetDevices::SUBJECT {
            return Err("nobody here knows this subject").doing("delivering a promise");
        }
        let call: ForgetDevices =
            serde_json::from_value(promise.payload.0).doing("reading a promise")?;
        match bus.request(&call).await {
            Ok(()) => Ok(Delivery::Closed),
            Err(CallError::Refused(refusal)) => Err(refusal.message()).doing("keeping a promise"),
            Err(CallError::Broke(error)) => Err(outage(error)),
        }
    })
}
