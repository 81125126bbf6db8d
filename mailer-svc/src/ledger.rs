//! What is on record of each mail, in a bucket of JetStream.
//!
//! The bucket is looked up at each use. That costs a round trip, and heals by
//! itself when JetStream has come back empty.

use std::time::Duration;

use async_nats::jetstream::kv::{Operation, Store, UpdateErrorKind};
use auth_types::Timestamp;
use backon::{ExponentialBuilder, Retryable};
use contract::mail::Outcome;
use service_kit::{Fault, While, fault::Chain};
use uuid::Uuid;

use crate::{
    model::record::{Record, Turn, judge},
    streams::{self, BUCKET, Streams},
};

/// How often to look again when another process was faster.
const RACES: usize = 3;
const AFTER_A_RACE: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub struct Ledger {
    streams: Streams,
}

impl Ledger {
    #[must_use]
    pub fn new(streams: Streams) -> Self {
        Self { streams }
    }

    /// Says whose turn it is, and if it is ours, puts that on record. However
    /// many copies race, one of them may send.
    ///
    /// A claim that was not acknowledged may be on record all the same (its leader may have
    /// died with the answer), and would keep this very mail back until it is over. So it
    /// is looked for; no other delivery writes one with the same instant.
    pub async fn begin(&self, id: Uuid, copy: u64, now: Timestamp) -> Result<Turn, Fault> {
        let claim = Record::sending(copy, now);
        let lost = |fault: &Fault| {
            tracing::debug!(error = %Chain(fault), "a claim was not acknowledged; looking for it");
        };
        let begun = || self.try_to_begin(id, copy, now, &claim);
        begun.retry(pace()).notify(|fault, _| lost(fault)).await
    }

    async fn try_to_begin(
        &self,
        id: Uuid,
        copy: u64,
        now: Timestamp,
        claim: &Record,
    ) -> Result<Turn, Fault> {
        let bucket = self.bucket().await?;
        let value = serde_json::to_vec(claim).doing("writing a record")?;
        for _ in 0..RACES {
            let (record, revision) = find(&bucket, id).await?;
            if record.as_ref() == Some(claim) {
                return Ok(Turn::Send);
            }
            let turn = judge(record.as_ref(), copy, now);
            if turn != Turn::Send {
                return Ok(turn);
            }
            match bucket.update(id.to_string(), value.clone().into(), revision).await {
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
        (|| self.write(id, &record)).retry(pace()).await
    }

    async fn write(&self, id: Uuid, record: &Record) -> Result<(), Fault> {
        let value = serde_json::to_vec(record).doing("writing a record")?;
        let put = self.bucket().await?.put(id.to_string(), value.into()).await;
        put.doing("putting a mail on record").map(|_| ())
    }

    async fn bucket(&self) -> Result<Store, Fault> {
        let jetstream = self.streams.jetstream();
        if let Ok(bucket) = jetstream.get_key_value(BUCKET).await {
            return Ok(bucket);
        }
        self.streams.open(streams::records()).await?;
        jetstream.get_key_value(BUCKET).await.doing("opening the bucket of sent mails")
    }
}

/// While the bucket has no leader, which takes some seconds when a server dies.
fn pace() -> ExponentialBuilder {
    ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_secs(5))
        .with_max_times(10)
        .with_jitter()
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
