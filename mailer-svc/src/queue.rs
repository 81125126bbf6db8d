//! The work queue of mails, and where the dead ones lie.

use std::time::Duration;

use async_nats::{
    HeaderMap,
    jetstream::{
        Context, ErrorCode, Message,
        consumer::{AckPolicy, Info, PullConsumer, pull},
        stream::{ConsumerError, ConsumerErrorKind},
    },
};
use auth_types::Timestamp;
use backon::{ExponentialBuilder, Retryable};
use contract::mail::{DEAD_SUBJECT, STREAM};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use service_kit::{Fault, While};
use tokio::time::timeout;

use crate::streams::{self, Streams};

/// The durable consumer that all replicas share.
pub const CONSUMER: &str = "mailer";
/// A mail whose delivery says nothing for this long is delivered again.
pub const ACK_WAIT: Duration = Duration::from_secs(30);
/// How long one request for the next mail stays open.
const PULL: Duration = Duration::from_secs(5);
/// The server says when that time is over, unless it was restarted meanwhile.
const SLACK: Duration = Duration::from_secs(1);
/// Mails that wait for another attempt count as pending, so this is far above
/// what is sent at once.
const MAX_ACK_PENDING: i64 = 10_000;

/// A mail that no server will ever take. It keeps nothing of the mail's data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    pub id: Option<String>,
    pub template: Option<String>,
    pub to: Option<String>,
    pub reason: String,
    pub died_at: Timestamp,
}

#[derive(Clone)]
pub struct Queue {
    streams: Streams,
}

impl Queue {
    #[must_use]
    pub fn new(streams: Streams) -> Self {
        Self { streams }
    }

    /// Makes sure of all streams and the consumer.
    pub async fn open(&self) -> Result<Mails, Fault> {
        self.streams.open(streams::records()).await?;
        self.streams.open(streams::dead_letters()).await?;
        let stream = self.streams.open(streams::mails()).await?;
        let consumer = stream.get_or_create_consumer(CONSUMER, consumer()).await;
        Ok(Mails(consumer.doing("opening the consumer of mails")?))
    }

    /// Keeps a dead letter. `key` makes the same one known when it comes twice.
    pub async fn bury(&self, key: &str, letter: &DeadLetter) -> Result<(), Fault> {
        let payload = serde_json::to_vec(letter).doing("writing a dead letter")?;
        let mut headers = HeaderMap::new();
        headers.insert(async_nats::header::NATS_MESSAGE_ID, key);
        let jetstream = self.streams.jetstream();
        let publishing = jetstream.publish_with_headers(DEAD_SUBJECT, headers, payload.into());
        publishing.await.doing("burying a mail")?.await.doing("burying a mail")?;
        Ok(())
    }
}

/// Where the next mail comes from.
pub struct Mails(PullConsumer);

impl Mails {
    /// The next mail, if one comes within some seconds. A fault means that the
    /// queue has to be opened again.
    pub async fn next(&self) -> Result<Option<Message>, Fault> {
        let batch = self.0.batch().max_messages(1).expires(PULL).messages().await;
        let mut batch = batch.doing("asking for the next mail")?;
        if let Ok(Some(next)) = timeout(PULL + SLACK, batch.next()).await {
            return next.map(Some).doing("waiting for the next mail");
        }
        // A server that has forgotten the consumer is as silent as one without mails.
        self.0.get_info().await.doing("looking whether the queue is still there")?;
        Ok(None)
    }
}

/// What JetStream says of the consumer.
pub async fn look_up(jetstream: &Context) -> Result<Info, ConsumerError> {
    let consumer = jetstream.get_consumer_from_stream(CONSUMER, STREAM).await;
    consumer.map(|consumer: PullConsumer| consumer.cached_info().clone())
}

/// Has mailer-svc make its consumer anew, which takes it a second. What was being
/// delivered comes back, and the ledger keeps it from being sent twice.
///
/// Of a consumer that came to more servers with its stream, those that are left may never
/// choose a leader when one dies; one that is made on them does not suffer from that
/// (<https://github.com/nats-io/nats-server/issues/6838>). This takes an account that may
/// delete consumers, which mailer-svc's may not.
pub async fn renew_consumer(jetstream: &Context) -> Result<(), Fault> {
    let delete = || async {
        match jetstream.delete_consumer_from_stream(CONSUMER, STREAM).await {
            Err(error) if !is_not_found(&error) => Err(error),
            _ => Ok(()),
        }
    };
    // One without a leader goes, and nobody says so. Then it is not found.
    delete.retry(ExponentialBuilder::default()).await.doing("deleting the consumer of mails")
}

fn is_not_found(error: &ConsumerError) -> bool {
    matches!(
        error.kind(),
        ConsumerErrorKind::JetStream(error) if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND
    )
}

fn consumer() -> pull::Config {
    pull::Config {
        durable_name: Some(CONSUMER.to_owned()),
        ack_policy: AckPolicy::Explicit,
        ack_wait: ACK_WAIT,
        max_ack_pending: MAX_ACK_PENDING,
        ..Default::default()
    }
}
