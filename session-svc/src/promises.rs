//! What must not be lost, though nobody waits for it.

use std::pin::Pin;

use auth_types::UserId;
use contract::{
    Call,
    mfa::{ForgetDevices, ForgetReason},
};
use service_kit::{
    Bus, Fault, Kit,
    delivery::{keep, unknown_subject},
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
        match promise.subject.as_str() {
            ForgetDevices::SUBJECT => keep::<ForgetDevices>(&bus, promise).await,
            _ => unknown_subject(),
        }
    })
}
