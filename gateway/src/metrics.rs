//! What the gateway measures of itself.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use service_kit::metrics::{HttpMetrics, seconds_histogram};

/// Where the answer to "whose cookie is this?" came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Lookup {
    Memory,
    Redis,
    SessionService,
    KnownDead,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LookupLabel {
    source: Lookup,
}

/// How asking for a new routes file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Reload {
    Accepted,
    Refused,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabel {
    outcome: Reload,
}

/// What is thought of an address of an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum AddressState {
    Healthy,
    /// By the health check.
    Unhealthy,
    /// Because requests failed at it.
    Ejected,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AddressLabel {
    upstream: String,
    state: AddressState,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct UpstreamLabel {
    upstream: String,
}

#[derive(Clone)]
pub struct Metrics {
    http: HttpMetrics,
    lookups: Family<LookupLabel, Counter>,
    pub limited: Counter,
    pub revocations_heard: Counter,
    pub upstream_failures: Counter,
    /// Which reading of the routes file is in force, counted from the start.
    pub routes_generation: Gauge,
    reloads: Family<ReloadLabel, Counter>,
    addresses: Family<AddressLabel, Gauge>,
    ejections: Family<UpstreamLabel, Counter>,
    retries: Family<UpstreamLabel, Counter>,
    edge: Histogram,
    upstream: Histogram,
}

/// What we need ourselves is a matter of microseconds.
const EDGE_SECONDS: [f64; 10] =
    [0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.001, 0.005, 0.025, 0.1, 1.0];

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            http: HttpMetrics::register(registry),
            lookups: Family::default(),
            limited: Counter::default(),
            revocations_heard: Counter::default(),
            upstream_failures: Counter::default(),
            routes_generation: Gauge::default(),
            reloads: Family::default(),
            addresses: Family::default(),
            ejections: Family::default(),
            retries: Family::default(),
            edge: Histogram::new(EDGE_SECONDS),
            upstream: seconds_histogram(),
        };
        registry.register(
            "edge_seconds",
            "Time of the gateway's own, before an upstream is asked",
            metrics.edge.clone(),
        );
        registry.register(
            "upstream_seconds",
            "Time until an upstream begins its answer",
            metrics.upstream.clone(),
        );
        registry.register(
            "session_lookups",
            "Sessions looked up, by source",
            metrics.lookups.clone(),
        );
        registry.register(
            "requests_limited",
            "Requests over a rate limit",
            metrics.limited.clone(),
        );
        registry.register(
            "revocations_heard",
            "Revoked sessions heard of over NATS",
            metrics.revocations_heard.clone(),
        );
        registry.register(
            "upstream_failures",
            "Requests that no upstream answered",
            metrics.upstream_failures.clone(),
        );
        metrics.register_routes(registry);
        metrics
    }

    fn register_routes(&self, registry: &mut Registry) {
        let (generation, reloads) = (self.routes_generation.clone(), self.reloads.clone());
        registry.register("routes_generation", "Readings of the routes file in force", generation);
        registry.register("routes_reloads", "Routes files read on SIGHUP, by outcome", reloads);
        let (addresses, ejections) = (self.addresses.clone(), self.ejections.clone());
        registry.register("upstream_addresses", "Addresses of upstreams, by state", addresses);
        registry.register("upstream_ejections", "Addresses put out by failures", ejections);
        let retries = self.retries.clone();
        registry.register("upstream_retries", "Requests sent again", retries);
    }

    pub fn reloaded(&self, outcome: Reload) {
        self.reloads.get_or_create(&ReloadLabel { outcome }).inc();
    }

    /// `upstream` is a name of the routes file, so labels are as many as it has.
    pub fn addresses(&self, upstream: &str, state: AddressState, count: i64) {
        let label = AddressLabel { upstream: upstream.to_owned(), state };
        self.addresses.get_or_create(&label).set(count);
    }

    pub fn ejected(&self, upstream: &str) {
        self.ejections.get_or_create(&UpstreamLabel { upstream: upstream.to_owned() }).inc();
    }

    pub fn retried(&self, upstream: &str) {
        self.retries.get_or_create(&UpstreamLabel { upstream: upstream.to_owned() }).inc();
    }

    pub fn spent(&self, edge: Duration, upstream: Option<Duration>) {
        self.edge.observe(edge.as_secs_f64());
        if let Some(upstream) = upstream {
            self.upstream.observe(upstream.as_secs_f64());
        }
    }

    pub fn looked_up(&self, source: Lookup) {
        self.lookups.get_or_create(&LookupLabel { source }).inc();
    }

    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        self.http.answered(route, status, took);
    }
}
