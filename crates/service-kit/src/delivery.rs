//! How promises in the outbox are delivered: by a request whose reply is the receipt,
//! or, for mails, by JetStream and a receipt that comes later.

use std::time::Duration;

use async_nats::{HeaderMap, Request, RequestErrorKind, header::NATS_MESSAGE_ID, jetstream};
use contract::{Call, mail};
use serde_json::Value;
use sqlx::{PgExecutor, PgPool};
use tokio::time::Instant;
use uuid::Uuid;

use crate::{
    bus::{Bus, CallError, outage},
    fault::{Fault, While},
    outbox::{self, Bell, Delivery, Promise},
};

/// How long JetStream may take to say that it has a mail.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(2);

/// The queue that mails are handed over to.
#[must_use]
pub fn mail_queue(bus: &Bus) -> jetstream::Context {
    let mut jetstream = jetstream::new(bus.client().clone());
    jetstream.set_timeout(ACKNOWLEDGED_WITHIN);
    jetstream
}

/// Keeps a promise by the call that it holds.
pub async fn keep<C: Call>(bus: &Bus, promise: Promise) -> Result<Delivery, Fault> {
    let call: C = serde_json::from_value(promise.payload.0).doing("reading a promise")?;
    ask(bus, &call).await?;
    Ok(Delivery::Closed)
}

/// A call that whoever promises it makes at once, after the commit, so that a request is
/// answered only when it has been made. The outbox does not get ahead of that, and goes
/// on trying if it fails.
pub struct OwnPromise<C> {
    id: Uuid,
    call: C,
}

impl<C: Call> OwnPromise<C> {
    /// In the transaction that makes the call necessary.
    pub async fn make(db: impl PgExecutor<'_>, id: Uuid, call: C) -> Result<Self, Fault> {
        outbox::promise_to_keep_now(db, id, C::SUBJECT, &call).await?;
        Ok(Self { id, call })
    }

    pub fn call(&self) -> &C {
        &self.call
    }

    /// After the commit. An error says that it is not done yet.
    pub async fn keep(self, db: &PgPool, bus: &Bus, bell: &Bell) -> Result<C::Reply, Fault> {
        bell.ring();
        let reply = ask(bus, &self.call).await?;
        outbox::close(db, self.id).await?;
        Ok(reply)
    }
}

/// Makes a promised call. A refusal is a fault here: what was promised cannot be kept.
async fn ask<C: Call>(bus: &Bus, call: &C) -> Result<C::Reply, Fault> {
    match bus.request(call).await {
        Ok(reply) => Ok(reply),
        Err(CallError::Refused(refusal)) => Err(refusal.message()).doing("keeping a promise"),
        Err(CallError::Broke(error)) => Err(outage(error)),
    }
}

/// Hands a mail to JetStream, which drops it if it has it already.
pub async fn hand_over_mail(
    queue: &jetstream::Context,
    promise: Promise,
) -> Result<Delivery, Fault> {
    let payload = serde_json::to_vec(&promise.payload.0).doing("writing a mail")?;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, promise.id.to_string().as_str());
    let publishing = queue.publish_with_headers(mail::SUBJECT, headers, payload.into());
    publishing.await.doing("publishing a mail")?.await.doing("handing a mail over")?;
    Ok(Delivery::HandedOver)
}

/// Publishes an event. It is done when NATS has it: a stream that keeps events says so,
/// and so does NATS itself where nobody listens. Whoever merely listens says nothing; then
/// it is enough that the connection has not broken meanwhile.
pub async fn publish_event(bus: &Bus, promise: Promise) -> Result<Delivery, Fault> {
    let payload = serde_json::to_vec(&promise.payload.0).doing("writing an event")?;
    let mut headers = HeaderMap::new();
    headers.insert(NATS_MESSAGE_ID, promise.id.to_string().as_str());
    let request = Request::new().headers(headers).payload(payload.into());
    let request = request.timeout(Some(ACKNOWLEDGED_WITHIN));
    let began = Instant::now();
    match bus.client().send_request(promise.subject, request).await {
        Ok(reply) => kept(&reply.payload).map(|()| Delivery::Closed),
        Err(error) => match error.kind() {
            RequestErrorKind::NoResponders => Ok(Delivery::Closed),
            RequestErrorKind::TimedOut if bus.connected_for() >= Some(began.elapsed()) => {
                Ok(Delivery::Closed)
            }
            _ => Err(error).doing("publishing an event"),
        },
    }
}

/// A stream that could not keep an event answers with an error.
fn kept(answer: &[u8]) -> Result<(), Fault> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    match answer.get("error") {
        None => Ok(()),
        Some(error) => Err(error.to_string()).doing("keeping an event"),
    }
}

/// A promise that nobody in this service can keep.
pub fn unknown_subject() -> Result<Delivery, Fault> {
    Err("nobody here knows this subject").doing("delivering a promise")
}
