//! Telling the gateways what has changed, and waiting until none of them believes what
//! it remembers.
//!
//! A change that Redis has is known everywhere once `CEILING` has passed, because leases
//! end by themselves (`contract::revocation`). It is known earlier when every gateway
//! that may remember anything has confirmed it. Which those are is only certain while
//! NATS passes on what we send and what they send; so a message of our own to ourselves
//! goes out after each change, and where it does not come back the ceiling is waited for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use async_nats::{Message, Subscriber};
use contract::revocation::{CEILING, Heartbeat, Instance, Receipt, SessionsChanged};
use futures_util::{FutureExt, StreamExt};
use service_kit::{Bus, Fault, While, fault::Chain};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, interval, sleep_until, timeout_at},
};

use crate::{
    metrics::{Metrics, Outcome},
    model::roll::Roll,
};

/// Messages whose number has not been noted yet. More make their senders wait.
const OPENING: usize = 1024;

#[derive(Clone)]
pub struct Receipts {
    replica: Instance,
    next: Arc<AtomicU64>,
    opening: mpsc::Sender<Opening>,
    bus: Bus,
    metrics: Metrics,
}

/// Somebody is about to send this message and waits.
struct Opening {
    number: u64,
    done: oneshot::Sender<()>,
}

impl Receipts {
    /// Listens for as long as the service runs, also while it finishes what it has
    /// begun.
    pub async fn start(bus: Bus, metrics: Metrics) -> Result<Self, Fault> {
        let replica = Instance::mint();
        let (opening, openings) = mpsc::channel(OPENING);
        let desk = Desk {
            heartbeats: bus.listen(Heartbeat::SUBJECTS).await?,
            receipts: bus.listen(Receipt::subjects_of(replica)).await?,
            listening_since: Instant::now(),
            openings,
            roll: Roll::default(),
            bus: bus.clone(),
            metrics: metrics.clone(),
        };
        // Not waited for when the service stops: those are who wait for it.
        tokio::spawn(desk.work());
        Ok(Self { replica, next: Arc::default(), opening, bus, metrics })
    }

    /// Tells the gateways of a change that Redis has had since `written`, and returns
    /// when none of them believes any more what was before.
    pub async fn collect(&self, changed: &SessionsChanged, written: Instant) {
        let began = Instant::now();
        let deadline = written + CEILING;
        let outcome = match timeout_at(deadline, self.confirmed(changed)).await {
            Ok(Ok(())) => Outcome::Confirmed,
            Err(_) => Outcome::Ceiling,
            Ok(Err(fault)) => {
                tracing::debug!(error = %Chain(&fault), "waiting until leases are over");
                sleep_until(deadline).await;
                Outcome::Unheard
            }
        };
        self.metrics.receipts_collected(outcome, began.elapsed());
    }

    /// Tells the gateways without waiting, for whom waiting is of no use.
    pub async fn announce(&self, changed: &SessionsChanged) {
        if let Err(fault) = self.bus.tell(SessionsChanged::SUBJECT, None, changed).await {
            tracing::debug!(error = %Chain(&fault), "a change of sessions was not announced");
        }
    }

    async fn confirmed(&self, changed: &SessionsChanged) -> Result<(), Fault> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (done, confirmed) = oneshot::channel();
        self.opening.send(Opening { number, done }).await.doing("noting a message")?;
        let subject = Receipt::subject(self.replica, number);
        let reply_to = Some(subject.as_str().into());
        self.bus.tell(SessionsChanged::SUBJECT, reply_to, changed).await?;
        self.bus.tell(subject, None, &Receipt { gateway: None }).await?;
        confirmed.await.doing("waiting for gateways")
    }
}

/// Who hears it all, in one place and in the order in which it came.
struct Desk {
    heartbeats: Subscriber,
    receipts: Subscriber,
    listening_since: Instant,
    openings: mpsc::Receiver<Opening>,
    roll: Roll<oneshot::Sender<()>>,
    bus: Bus,
    metrics: Metrics,
}

impl Desk {
    async fn work(mut self) {
        let mut tidying = interval(CEILING);
        loop {
            tokio::select! {
                biased;
                Some(opening) = self.openings.recv() => self.roll.open(opening.number, opening.done),
                Some(heartbeat) = self.heartbeats.next() => self.hear(&heartbeat),
                Some(receipt) = self.receipts.next() => self.take(&receipt),
                _ = tidying.tick() => self.tidy(),
            }
        }
    }

    fn hear(&mut self, message: &Message) {
        match serde_json::from_slice::<Heartbeat>(&message.payload) {
            Ok(heartbeat) => self.roll.heard(heartbeat.gateway, now()),
            Err(error) => tracing::warn!(%error, "a heartbeat could not be read"),
        }
    }

    fn take(&mut self, message: &Message) {
        let Some(number) = Receipt::number(&message.subject) else { return };
        let done = match serde_json::from_slice::<Receipt>(&message.payload) {
            Ok(Receipt { gateway: Some(gateway) }) => self.roll.confirmed(number, gateway, now()),
            Ok(Receipt { gateway: None }) => self.passed_on(number),
            // NATS says that nobody listened; our own message says the same.
            Err(_) if message.payload.is_empty() => None,
            Err(error) => {
                tracing::warn!(%error, "a receipt could not be read");
                None
            }
        };
        if let Some(done) = done {
            // Whoever has waited for it may have given up just now.
            done.send(()).ok();
        }
    }

    /// Heartbeats that came before our own message are noted before it counts: they
    /// arrived on the same connection, so they are there.
    fn passed_on(&mut self, number: u64) -> Option<oneshot::Sender<()>> {
        while let Some(Some(heartbeat)) = self.heartbeats.next().now_or_never() {
            self.hear(&heartbeat);
        }
        self.roll.passed_on(number, self.heard_for(), now())
    }

    /// How long every heartbeat that NATS had has reached us.
    fn heard_for(&self) -> Duration {
        let connected_for = self.bus.connected_for().unwrap_or_default();
        connected_for.min(self.listening_since.elapsed())
    }

    fn tidy(&mut self) {
        self.roll.forget(oneshot::Sender::is_closed);
        self.metrics.gateways.set(i64::try_from(self.roll.len(now())).unwrap_or(i64::MAX));
    }
}

fn now() -> std::time::Instant {
    Instant::now().into_std()
}
