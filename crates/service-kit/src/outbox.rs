//! The outbox: what we have promised to other services but not yet seen done.
//!
//! A row is written in the transaction that makes the promise, and delivered
//! afterwards as often as it takes. A row is closed only by a receipt: the reply
//! to a request, or for a mail, the receipt that mailer-svc sends once a server
//! has taken it. Delivery may happen twice; consumers know a row by its id or by
//! the version of what it speaks of.
//!
//! Each service that promises has a table `outbox` in its own schema:
//!
//! ```sql
//! CREATE TABLE outbox (
//!     id uuid PRIMARY KEY,
//!     subject text NOT NULL,
//!     payload jsonb NOT NULL,
//!     created_at timestamptz NOT NULL DEFAULT now(),
//!     due_at timestamptz NOT NULL DEFAULT now(),
//!     attempts integer NOT NULL DEFAULT 0
//! );
//! ```

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use prometheus_client::metrics::{counter::Counter, gauge::Gauge};
use serde::Serialize;
use serde_json::Value;
use sqlx::{PgExecutor, PgPool, types::Json};
use tokio::{sync::Notify, time::timeout};
use uuid::Uuid;

use crate::{
    fault::{Chain, Fault, While},
    kit::Kit,
};

/// Rows taken at once by one process.
const BATCH: i64 = 50;
/// Rows delivered at once: one that waits for somebody who is away keeps no other.
const AT_ONCE: usize = 16;
/// How often the table is looked at when nobody rings.
const POLL: Duration = Duration::from_secs(1);
/// How long somebody may take to keep their own promise.
const KEPT_WITHIN_SECS: f64 = 3.0;
/// How long a receipt may take before what was handed over is handed over again.
const RECEIPT_WITHIN_SECS: f64 = 300.0;

/// A promise, as it lies in the table.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Promise {
    pub id: Uuid,
    pub subject: String,
    pub payload: Json<Value>,
    /// Deliveries that were begun before this one.
    pub attempts: i32,
}

/// What a delivery did for a promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// The receipt is in; the row goes.
    Closed,
    /// Handed over; a receipt is to come, and until it does the row stays.
    HandedOver,
}

/// Writes a promise, in the transaction that makes it.
pub async fn promise(
    db: impl PgExecutor<'_>,
    id: Uuid,
    subject: &str,
    payload: &(impl Serialize + Sync),
) -> Result<(), Fault> {
    sqlx::query("INSERT INTO outbox (id, subject, payload) VALUES ($1, $2, $3)")
        .bind(id)
        .bind(subject)
        .bind(Json(payload))
        .execute(db)
        .await
        .doing("writing to the outbox")
        .map(|_| ())
}

/// Writes a promise that who makes it will keep at once, after the commit. The outbox
/// steps in a little later, so that the two do not both do it.
pub(crate) async fn promise_to_keep_now(
    db: impl PgExecutor<'_>,
    id: Uuid,
    subject: &str,
    payload: &(impl Serialize + Sync),
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO outbox (id, subject, payload, due_at) \
         VALUES ($1, $2, $3, now() + make_interval(secs => $4))",
    )
    .bind(id)
    .bind(subject)
    .bind(Json(payload))
    .bind(KEPT_WITHIN_SECS)
    .execute(db)
    .await
    .doing("writing to the outbox")
    .map(|_| ())
}

/// A receipt is in. Closing twice is fine.
pub async fn close(db: impl PgExecutor<'_>, id: Uuid) -> Result<(), Fault> {
    take(db, id).await.map(|_| ())
}

/// Closes a promise and says whether it was open: for one that is kept by a change
/// in the same transaction, so that two deliveries do not make it twice.
pub async fn take(db: impl PgExecutor<'_>, id: Uuid) -> Result<bool, Fault> {
    let deleted = sqlx::query("DELETE FROM outbox WHERE id = $1").bind(id).execute(db).await;
    Ok(deleted.doing("closing an outbox row")?.rows_affected() == 1)
}

/// Rung after a commit, so that a promise need not wait for the next look.
#[derive(Clone, Default)]
pub struct Bell(Arc<Notify>);

impl Bell {
    pub fn ring(&self) {
        self.0.notify_one();
    }
}

type Delivering = Pin<Box<dyn Future<Output = Result<Delivery, Fault>> + Send>>;

#[derive(Clone, Default)]
struct Metrics {
    waiting: Gauge,
    failed: Counter,
}

/// Delivers promises until the service stops.
pub fn start<F>(db: PgPool, bell: Bell, kit: &mut Kit, deliver: F)
where
    F: Fn(Promise) -> Delivering + Send + Sync + 'static,
{
    let metrics = Metrics::default();
    let registry = kit.registry();
    registry.register("outbox_waiting", "Promises without a receipt", metrics.waiting.clone());
    registry.register("outbox_delivery_failures", "Deliveries that failed", metrics.failed.clone());
    let stop = kit.shutdown().clone();
    kit.spawn(async move {
        while !stop.is_cancelled() {
            if let Err(fault) = deliver_due(&db, &deliver, &metrics).await {
                tracing::debug!(error = %Chain(&fault), "the outbox could not be read");
            }
            tokio::select! {
                _ = timeout(POLL, bell.0.notified()) => {}
                () = stop.cancelled() => {}
            }
        }
    });
}

async fn deliver_due<F>(db: &PgPool, deliver: &F, metrics: &Metrics) -> Result<(), Fault>
where
    F: Fn(Promise) -> Delivering,
{
    loop {
        let due = claim(db).await?;
        let count = due.len();
        let delivering = due.into_iter().map(|promise| deliver_one(db, deliver, promise, metrics));
        let done: Vec<_> = stream::iter(delivering).buffer_unordered(AT_ONCE).collect().await;
        done.into_iter().collect::<Result<(), _>>()?;
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM outbox")
            .fetch_one(db)
            .await
            .doing("counting the outbox")?;
        metrics.waiting.set(waiting);
        if i64::try_from(count).unwrap_or(BATCH) < BATCH {
            return Ok(());
        }
    }
}

/// Fails only when the table cannot be written.
async fn deliver_one<F>(
    db: &PgPool,
    deliver: &F,
    promise: Promise,
    metrics: &Metrics,
) -> Result<(), Fault>
where
    F: Fn(Promise) -> Delivering,
{
    let (id, subject) = (promise.id, promise.subject.clone());
    match deliver(promise).await {
        Ok(Delivery::Closed) => close(db, id).await,
        Ok(Delivery::HandedOver) => await_receipt(db, id).await,
        Err(fault) => {
            metrics.failed.inc();
            tracing::warn!(outbox.id = %id, subject, error = %Chain(&fault), "a delivery failed; it will be tried again");
            Ok(())
        }
    }
}

async fn await_receipt(db: &PgPool, id: Uuid) -> Result<(), Fault> {
    sqlx::query("UPDATE outbox SET due_at = now() + make_interval(secs => $2) WHERE id = $1")
        .bind(id)
        .bind(RECEIPT_WITHIN_SECS)
        .execute(db)
        .await
        .doing("waiting for a receipt")
        .map(|_| ())
}

/// Takes due rows for this process by moving their next attempt into the future:
/// a second, then twice that each time, at most sixteen, with some jitter, so that what
/// waited for somebody goes on soon after they are back. If the process dies, the rows
/// become due again by themselves.
async fn claim(db: &PgPool) -> Result<Vec<Promise>, Fault> {
    sqlx::query_as(
        "UPDATE outbox SET attempts = attempts + 1, \
                due_at = now() + power(2, least(attempts, 4)) * (0.8 + 0.4 * random()) * interval '1 second' \
          WHERE id IN (SELECT id FROM outbox WHERE due_at <= now() \
                        ORDER BY due_at LIMIT $1 FOR UPDATE SKIP LOCKED) \
      RETURNING id, subject, payload, attempts - 1 AS attempts",
    )
    .bind(BATCH)
    .fetch_all(db)
    .await
    .doing("taking outbox rows")
}
