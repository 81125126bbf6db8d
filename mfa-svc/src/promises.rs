//! Delivering what the outbox holds.

use std::{pin::Pin, time::Duration};

use async_nats::{HeaderMap, header::NATS_MESSAGE_ID, jetstream};
use contract::{
    Call,
    identity::SetTwoFactor,
    mail::{self, Mail, MfaReceipt, Template},
    user::User,
};
use service_kit::{
    Bus, Error, Fault, Kit, While,
    bus::{CallError, outage},
    outbox::{self, Delivery, Promise},
};
use sqlx::{PgExecutor, PgPool};
use uuid::Uuid;

use crate::app::App;

/// Promises a mail to this user.
pub async fn mail(db: impl PgExecutor<'_>, to: &User, template: Template) -> Result<(), Fault> {
    let id = Uuid::now_v7();
    let receipt_subject = MfaReceipt::SUBJECT.to_owned();
    let mail = Mail { id, to: to.email.to_string(), receipt_subject, template };
    outbox::promise(db, id, mail::SUBJECT, &mail).await
}

/// Delivers promises until the service stops, and takes receipts for mails.
pub fn start(app: &App, kit: &mut Kit) {
    let bus = app.bus.clone();
    let mut jetstream = jetstream::new(bus.client().clone());
    jetstream.set_timeout(Duration::from_secs(2));
    outbox::start(app.db.clone(), app.bell.clone(), kit, move |promise| {
        deliver(bus.clone(), jetstream.clone(), promise)
    });
    let db = app.db.clone();
    app.bus.serve(kit, move |receipt| close(db.clone(), receipt));
}

fn deliver(
    bus: Bus,
    jetstream: jetstream::Context,
    promise: Promise,
) -> Pin<Box<dyn Future<Output = Result<Delivery, Fault>> + Send>> {
    Box::pin(async move {
        match promise.subject.as_str() {
            mail::SUBJECT => hand_over(&jetstream, promise).await,
            SetTwoFactor::SUBJECT => tell_identity(&bus, promise).await,
            _ => Err("nobody here knows this subject").doing("delivering a promise"),
        }
    })
}

async fn tell_identity(bus: &Bus, promise: Promise) -> Result<Delivery, Fault> {
    let call: SetTwoFactor =
        serde_json::from_value(promise.payload.0).doing("reading a promise")?;
    match bus.request(&call).await {
        Ok(_) => Ok(Delivery::Closed),
        Err(CallError::Refused(refusal)) => Err(refusal.message()).doing("keeping a promise"),
        Err(CallError::Broke(error)) => Err(outage(error)),
    }
}

/// Hands a mail to JetStream, which drops it if it has it already.
async fn hand_over(jetstream: &jetstream::Context, promise: Promise) -> Result<Delivery, Fault> {
    let payload = serde_json::to_vec(&promise.payload.0).doing("writing a mail")?;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, promise.id.to_string().as_str());
    let publishing = jetstream.publish_with_headers(mail::SUBJECT, headers, payload.into());
    publishing.await.doing("publishing a mail")?.await.doing("handing a mail over")?;
    Ok(Delivery::HandedOver)
}

async fn close(db: PgPool, MfaReceipt(receipt): MfaReceipt) -> Result<(), Error> {
    tracing::info!(outbox.id = %receipt.id, outcome = ?receipt.outcome, "a mail was settled");
    Ok(outbox::close(&db, receipt.id).await?)
}
