//! What session-svc tells gateways over NATS, and what they answer.
//!
//! A gateway says that it is there (`Heartbeat`), hears itself say so, and from then on
//! has a lease (`contract::revocation`). It confirms every change of sessions once it
//! believes nothing any more that it remembered of them.

use std::sync::Arc;

use async_nats::{Message, Subscriber};
use auth_types::{Clock, SystemClock};
use contract::revocation::{HEARTBEAT, Heartbeat, Instance, Receipt, SessionsChanged};
use futures_util::StreamExt;
use service_kit::{Bus, Fault, Kit, While, fault::Chain};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    metrics::{LeasePath, Metrics},
    session::Sessions,
    session_cache::SessionCache,
};

pub struct Ears {
    gateway: Instance,
    bus: Bus,
    cache: Arc<SessionCache>,
    sessions: Arc<Sessions>,
    metrics: Metrics,
}

impl Ears {
    #[must_use]
    pub fn new(
        bus: Bus,
        cache: Arc<SessionCache>,
        sessions: Arc<Sessions>,
        metrics: Metrics,
    ) -> Self {
        Self { gateway: Instance::mint(), bus, cache, sessions, metrics }
    }

    /// Listens for as long as the process runs, also while it drains. It listens for
    /// changes before it first says that it is there.
    pub async fn start(self, kit: &Kit) -> Result<(), Fault> {
        let changes = self.bus.listen(SessionsChanged::SUBJECT).await?;
        let own = self.bus.listen(Heartbeat::subject(self.gateway)).await?;
        kit.spawn(self.listen(changes, own));
        Ok(())
    }

    async fn listen(self, mut changes: Subscriber, mut own: Subscriber) {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(change) = changes.next() => self.hear(&change).await,
                Some(heartbeat) = own.next() => self.hear_ourselves(&heartbeat),
                _ = beat.tick() => self.say_that_we_are_here().await,
            }
        }
    }

    async fn say_that_we_are_here(&self) {
        let now = Instant::now();
        self.metrics.leased(LeasePath::Redis, self.cache.redis.holds(now));
        self.metrics.leased(LeasePath::Nats, self.cache.nats.holds(now));
        let heartbeat =
            Heartbeat { gateway: self.gateway, sent_millis: self.cache.nats.millis(now) };
        let told = self.bus.tell(Heartbeat::subject(self.gateway), None, &heartbeat).await;
        if let Err(fault) = told {
            tracing::debug!(error = %Chain(&fault), "a heartbeat was not sent");
        }
    }

    fn hear_ourselves(&self, message: &Message) {
        let heartbeat = serde_json::from_slice::<Heartbeat>(&message.payload);
        let sent_at = heartbeat.ok().and_then(|beat| self.cache.nats.instant(beat.sent_millis));
        if let Some(sent_at) = sent_at {
            self.cache.nats.confirm(sent_at);
        }
    }

    async fn hear(&self, message: &Message) {
        let changed = match serde_json::from_slice::<SessionsChanged>(&message.payload) {
            Ok(changed) => changed,
            // Whoever sent it waits until our lease is over.
            Err(error) => return tracing::warn!(%error, "a change of sessions could not be read"),
        };
        let lag = SystemClock.now().since(changed.written_at).as_secs_f64();
        for _ in &changed.revoked {
            self.metrics.revocation_lag.observe(lag);
        }
        self.metrics.revocations_heard.inc_by(changed.revoked.len() as u64);
        self.sessions.bury(changed.revoked);
        self.sessions.read_anew(changed.rewritten);
        if let Err(fault) = self.confirm(message).await {
            tracing::warn!(error = %Chain(&fault), "a change of sessions was not confirmed");
        }
    }

    async fn confirm(&self, message: &Message) -> Result<(), Fault> {
        let reply_to = message.reply.clone().ok_or("it names no subject").doing("confirming")?;
        self.bus.tell(reply_to, None, &Receipt { gateway: Some(self.gateway) }).await
    }
}
