//! What the gateway measures of itself.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};
use service_kit::metrics::HttpMetrics;

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

/// Who counted a request that all gateways count together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Counted {
    Fleet,
    /// This gateway alone, because Redis did not answer.
    Fallback,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CountedLabel {
    by: Counted,
}

#[derive(Clone)]
pub struct Metrics {
    http: HttpMetrics,
    lookups: Family<LookupLabel, Counter>,
    pub limited: Counter,
    counted: Family<CountedLabel, Counter>,
    pub revocations_heard: Counter,
    pub upstream_failures: Counter,
    /// Which reading of the routes file is in force, counted from the start.
    pub routes_generation: Gauge,
    reloads: Family<ReloadLabel, Counter>,
    addresses: Family<AddressLabel, Gauge>,
    ejections: Family<UpstreamLabel, Counter>,
    retries: Family<UpstreamLabel, Counter>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            http: HttpMetrics::register(registry),
            lookups: Family::default(),
            limited: Counter::default(),
            counted: Family::default(),
            revocations_heard: Counter::default(),
            upstream_failures: Counter::default(),
            routes_generation: Gauge::default(),
            reloads: Family::default(),
            addresses: Family::default(),
            ejections: Family::default(),
            retries: Family::default(),
        };
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
            "requests_counted",
            "Requests counted for a limit of all gateways, by who counted",
            metrics.counted.clone(),
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

    pub fn counted(&self, by: Counted) {
        self.counted.get_or_create(&CountedLabel { by }).inc();
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

    pub fn looked_up(&self, source: Lookup) {
        self.lookups.get_or_create(&LookupLabel { source }).inc();
    }

    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        self.http.answered(route, status, took);
    }
}
