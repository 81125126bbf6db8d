//! One upstream: its addresses, which of them are well, and whose turn it is.
//!
//! pingora's load balancer keeps the addresses by weight and asks after their health;
//! [`discovery`] looks their names up, [`health`] is the question, and [`ejection`]
//! leaves out those that requests fail at. Where none is left, any is better than
//! none: a health check may be broken where the application is not.

mod discovery;
mod ejection;
mod health;

use std::{
    cell::Cell,
    fmt,
    net::SocketAddr,
    sync::{Arc, Weak},
    time::Duration,
};

use pingora::{
    lb::{Backend, Backends, LoadBalancer, selection::RoundRobin},
    prelude::*,
    protocols::l4::socket::SocketAddr as PeerAddr,
    upstreams::peer::PeerOptions,
};
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{discovery::Names, ejection::Ejections};
use crate::{
    metrics::{AddressState, Metrics},
    routes_file::{Timeouts, UpstreamConfig},
};

const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
const WRITE: Duration = Duration::from_secs(30);

/// What speaks against an address; the first weighs most. Where all have some, the
/// least counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Doubts {
    tried: bool,
    unhealthy: bool,
    ejected: bool,
}

/// How a request ended at an address, as far as the address can be blamed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Answered,
    Failed,
}

pub struct Upstream {
    config: UpstreamConfig,
    balancer: LoadBalancer<RoundRobin>,
    ejections: Ejections,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.config.fmt(f)
    }
}

impl Upstream {
    /// Without addresses until [`Self::look_up`].
    #[must_use]
    pub fn new(config: UpstreamConfig) -> Arc<Self> {
        let backends = Backends::new(Box::new(Names::new(&config)));
        let mut balancer = LoadBalancer::from_backends(backends);
        if let Some(health) = &config.health {
            balancer.set_health_check(health::check(health));
        }
        let ejections = Ejections::new(config.ejection);
        Arc::new(Self { config, balancer, ejections })
    }

    #[must_use]
    pub fn config(&self) -> &UpstreamConfig {
        &self.config
    }

    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.config.name
    }

    /// The address whose turn it is, other than those that were tried already.
    pub fn peer(&self, tried: &[SocketAddr], timeouts: &Timeouts) -> Result<Box<HttpPeer>> {
        let Some(address) = self.choose(tried, Instant::now()) else {
            return Error::e_explain(
                ErrorType::ConnectNoRoute,
                "the upstream's names have no address",
            );
        };
        let mut peer = HttpPeer::new(PeerAddr::Inet(address), false, String::new());
        peer.options = PeerOptions::new();
        peer.options.connection_timeout = Some(timeouts.connect);
        peer.options.total_connection_timeout = Some(timeouts.connect);
        peer.options.read_timeout = Some(timeouts.read);
        peer.options.write_timeout = Some(WRITE);
        peer.options.idle_timeout = Some(self.config.idle);
        Ok(Box::new(peer))
    }

    fn choose(&self, tried: &[SocketAddr], now: Instant) -> Option<SocketAddr> {
        let best: Cell<Option<(Doubts, SocketAddr)>> = Cell::new(None);
        let accept = |backend: &Backend, healthy: bool| {
            let Some(address) = backend.addr.as_inet().copied() else { return false };
            let doubts = Doubts {
                tried: tried.contains(&address),
                unhealthy: !healthy,
                ejected: self.ejections.is_out(address, now),
            };
            if best.get().is_none_or(|(least, _)| doubts < least) {
                best.set(Some((doubts, address)));
            }
            doubts == Doubts::default()
        };
        // Enough steps to see all of them; one more each time, so that whose turn it
        // is goes on where nobody is free of doubts.
        let steps = 4 * self.balancer.backends().get_backend().len();
        self.balancer.select_with(b"", steps, accept);
        best.get().map(|(_, address)| address)
    }

    /// What a request found out about an address.
    pub fn observe(&self, address: SocketAddr, outcome: Outcome, metrics: &Metrics) {
        if self.ejections.observe(address, outcome, Instant::now()) {
            metrics.ejected(self.name());
            tracing::warn!(upstream = &**self.name(), %address, "requests fail at this address; it is left out for a while");
        }
    }

    /// Looks the names up.
    pub async fn look_up(&self) {
        if let Err(error) = self.balancer.update().await {
            tracing::warn!(upstream = &**self.name(), %error, "addresses were not looked up");
        }
    }

    /// Looks names up and asks after their health, again and again, for as long as the
    /// upstream is in use.
    pub fn tend(
        self: &Arc<Self>,
        metrics: &Metrics,
        tasks: &TaskTracker,
        stop: &CancellationToken,
    ) {
        tasks.spawn(keep_looking_up(Arc::downgrade(self), metrics.clone(), stop.clone()));
        if let Some(health) = &self.config.health {
            tasks.spawn(keep_checking(Arc::downgrade(self), health.interval, stop.clone()));
        }
    }

    fn report(&self, metrics: &Metrics) {
        let backends = self.balancer.backends();
        let (mut well, mut unwell, mut out) = (0, 0, 0);
        for backend in backends.get_backend().iter() {
            let ejected = |address: &SocketAddr| self.ejections.is_out(*address, Instant::now());
            match backend.addr.as_inet() {
                _ if !backends.ready(backend) => unwell += 1,
                Some(address) if ejected(address) => out += 1,
                _ => well += 1,
            }
        }
        metrics.addresses(self.name(), AddressState::Healthy, well);
        metrics.addresses(self.name(), AddressState::Unhealthy, unwell);
        metrics.addresses(self.name(), AddressState::Ejected, out);
    }
}

async fn keep_looking_up(upstream: Weak<Upstream>, metrics: Metrics, stop: CancellationToken) {
    let mut beat = interval(LOOK_UP_EVERY);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        let Some(upstream) = upstream.upgrade() else { break };
        upstream.look_up().await;
        upstream.report(&metrics);
    }
}

async fn keep_checking(upstream: Weak<Upstream>, every: Duration, stop: CancellationToken) {
    let mut beat = interval(every);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while stop.run_until_cancelled(beat.tick()).await.is_some() {
        let Some(upstream) = upstream.upgrade() else { break };
        upstream.balancer.backends().run_health_check(true).await;
    }
}

#[cfg(test)]
mod tests;
