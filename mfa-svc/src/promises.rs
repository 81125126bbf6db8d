//! Delivering what the outbox holds.

use std::pin::Pin;

use async_nats::jetstream;
use contract::{
    Call,
    event::{PASSKEY_ADDED, PASSKEY_REMOVED},
    identity::SetTwoFactor,
    mail::{self, Mail, MfaReceipt, Template},
    session::RevokeUser,
    user::User,
};
use service_kit::{
    Bus, Error, Fault, Kit,
    delivery::{hand_over_mail, keep, mail_queue, publish_event, unknown_subject},
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
    let queue = mail_queue(&bus);
    outbox::start(app.db.clone(), app.bell.clone(), kit, move |promise| {
        deliver(bus.clone(), queue.clone(), promise)
    });
    let db = app.db.clone();
    app.bus.serve(kit, move |receipt| close(db.clone(), receipt));
}

fn deliver(
    bus: Bus,
    queue: jetstream::Context,
    promise: Promise,
) -> Pin<Box<dyn Future<Output = Result<Delivery, Fault>> + Send>> {
    Box::pin(async move {
        match promise.subject.as_str() {
            mail::SUBJECT => hand_over_mail(&queue, promise).await,
            PASSKEY_ADDED | PASSKEY_REMOVED => publish_event(&bus, promise).await,
            SetTwoFactor::SUBJECT => keep::<SetTwoFactor>(&bus, promise).await,
            RevokeUser::SUBJECT => keep::<RevokeUser>(&bus, promise).await,
            _ => unknown_subject(),
        }
    })
}

async fn close(db: PgPool, MfaReceipt(receipt): MfaReceipt) -> Result<(), Error> {
    tracing::info!(outbox.id = %receipt.id, outcome = ?receipt.outcome, "a mail was settled");
    Ok(outbox::close(&db, receipt.id).await?)
}
