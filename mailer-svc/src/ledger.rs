//! What is on record of each mail, in a bucket of JetStream.
//!
//! The bucket is looked up at each use. That costs a round trip, and heals by
//! itself when JetStream has come back empty.

use std::time::Duration;

use async_nats::{
    Client,
    jetstream::{
        self, Context,
        kv::{Operation, Store, UpdateErrorKind},
        stream,
    },
};
use auth_types::Timestamp;
use backon::{ExponentialBuilder, Retryable};
use contract::mail::Outcome;
use service_kit::{Fault, While};
use uuid::Uuid;

use crate::model::record::{Record, Turn, judge};

pub const BUCKET: &str = "MAIL_SENT";
/// No owner hands a mail over again after this long.
const MEMORY: Duration = Duration::from_hours(7 * 24);
/// How often to look again when another process was faster.
const RACES: usize = 3;
const AFTER_A_RACE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Ledger {
    jetstream: Context,
}

impl Ledger {
    #[must_use]
    pub fn new(client: Client) -> Self {
        Self { jetstream: jetstream::new(client) }
    }

    /// Says whose turn it is, and if it is ours, puts that on record. However
    /// many copies race, one of them may send.
    pub async fn begin(&self, id: Uuid, copy: u64, now: Timestamp) -> Result<Turn, Fault> {
        let bucket = self.bucket().await?;
        for _ in 0..RACES {
            let (record, revision) = find(&bucket, id).await?;
            let turn = judge(record.as_ref(), copy, now);
            if turn != Turn::Send {
                return Ok(turn);
            }
            let claim =
                serde_json::to_vec(&Record::sending(copy, now)).doing("writing a record")?;
            match bucket.update(id.to_string(), claim.into(), revision).await {
                Ok(_) => return Ok(Turn::Send),
                Err(error) if error.kind() == UpdateErrorKind::WrongLastRevision => {}
                Err(error) => return Err(error).doing("claiming a mail"),
            }
        }
        Ok(Turn::Later(AFTER_A_RACE))
    }

    /// The server did not take it this time.
    pub async fn postpone(
        &self,
        id: Uuid,
        copy: u64,
        now: Timestamp,
        delay: Duration,
    ) -> Result<(), Fault> {
        self.write(id, &Record::waiting(copy, now, delay)).await
    }

    /// The mail's end. What is not on record might be sent twice, so this is
    /// tried for about as long as the attempt itself holds.
    pub async fn settle(&self, id: Uuid, outcome: Outcome) -> Result<(), Fault> {
        let record = Record::Settled { outcome };
        let pace = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(100))
            .with_max_delay(Duration::from_secs(5))
            .with_max_times(10)
            .with_jitter();
        (|| self.write(id, &record)).retry(pace).await
    }

    async fn write(&self, id: Uuid, record: &Record) -> Result<(), Fault> {
        let value = serde_json::to_vec(record).doing("writing a record")?;
        let put = self.bucket().await?.put(id.to_string(), value.into()).await;
        put.doing("putting a mail on record").map(|_| ())
    }

    async fn bucket(&self) -> Result<Store, Fault> {
        if let Ok(bucket) = self.jetstream.get_key_value(BUCKET).await {
            return Ok(bucket);
        }
        let creating = self.jetstream.get_or_create_stream(bucket()).await;
        creating.doing("opening the bucket of sent mails")?;
        self.jetstream.get_key_value(BUCKET).await.doing("opening the bucket of sent mails")
    }
}

/// The stream behind the bucket, as NATS ADR-8 has it. The client's own way to
/// make a bucket asks the server for more than servers before 2.10 tell.
fn bucket() -> stream::Config {
    stream::Config {
        name: format!("KV_{BUCKET}"),
        subjects: vec![format!("$KV.{BUCKET}.>")],
        description: Some("what became of each mail".to_owned()),
        max_messages_per_subject: 1,
        max_age: MEMORY,
        storage: stream::StorageType::File,
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Default::default()
    }
}

/// The record, and the revision that a change of it builds on.
async fn find(bucket: &Store, id: Uuid) -> Result<(Option<Record>, u64), Fault> {
    let entry = bucket.entry(id.to_string()).await.doing("looking a mail up")?;
    match entry {
        None => Ok((None, 0)),
        Some(entry) if entry.operation != Operation::Put => Ok((None, entry.revision)),
        Some(entry) => {
            let record = serde_json::from_slice(&entry.value).doing("reading a mail's record")?;
            Ok((Some(record), entry.revision))
        }
    }
}
