//! What the gateway measures of itself.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family},
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

#[derive(Clone)]
pub struct Metrics {
    http: HttpMetrics,
    lookups: Family<LookupLabel, Counter>,
    pub limited: Counter,
    pub revocations_heard: Counter,
    pub upstream_failures: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            http: HttpMetrics::register(registry),
            lookups: Family::default(),
            limited: Counter::default(),
            revocations_heard: Counter::default(),
            upstream_failures: Counter::default(),
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
            "revocations_heard",
            "Revoked sessions heard of over NATS",
            metrics.revocations_heard.clone(),
        );
        registry.register(
            "upstream_failures",
            "Requests that no upstream answered",
            metrics.upstream_failures.clone(),
        );
        metrics
    }

    pub fn looked_up(&self, source: Lookup) {
        self.lookups.get_or_create(&LookupLabel { source }).inc();
    }

    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        self.http.answered(route, status, took);
    }
}
