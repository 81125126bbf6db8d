//! What is measured of the providers.

use std::{fmt, time::Duration};

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use service_kit::metrics::seconds_histogram;

use crate::model::social::{Provider, SocialFailure};

impl EncodeLabelValue for Provider {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), fmt::Error> {
        EncodeLabelValue::encode(&self.name(), encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfProvider {
    provider: Provider,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Ended {
    provider: Provider,
    /// `ok`, or a word for why not; never a text of the provider's.
    outcome: &'static str,
}

#[derive(Clone)]
pub struct OAuthMetrics {
    requests: Family<Ended, Counter>,
    seconds: Family<OfProvider, Histogram>,
    breakers: Family<OfProvider, Gauge>,
    sign_ins: Family<Ended, Counter>,
}

impl OAuthMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Family::new_with_constructor(seconds_histogram),
            breakers: Family::default(),
            sign_ins: Family::default(),
        };
        registry.register(
            "oauth_requests",
            "Requests to social providers, by how they ended",
            metrics.requests.clone(),
        );
        registry.register(
            "oauth_request_seconds",
            "Time a social provider took to answer",
            metrics.seconds.clone(),
        );
        registry.register(
            "oauth_breaker_state",
            "Whether a social provider is asked: 0 yes, 1 on trial, 2 not for a while",
            metrics.breakers.clone(),
        );
        registry.register(
            "oauth_sign_ins",
            "Social sign-ins and links that came back, by how they ended",
            metrics.sign_ins.clone(),
        );
        metrics
    }

    pub(crate) fn asked(&self, provider: Provider, outcome: &'static str, took: Duration) {
        self.requests.get_or_create(&Ended { provider, outcome }).inc();
        self.seconds.get_or_create(&OfProvider { provider }).observe(took.as_secs_f64());
    }

    /// Nobody was asked.
    pub(crate) fn turned_away(&self, provider: Provider, outcome: &'static str) {
        self.requests.get_or_create(&Ended { provider, outcome }).inc();
    }

    pub(crate) fn breaker(&self, provider: Provider) -> Gauge {
        self.breakers.get_or_create(&OfProvider { provider }).clone()
    }

    pub fn came_back(&self, provider: Provider, outcome: Result<(), SocialFailure>) {
        let outcome = outcome.err().map_or("ok", SocialFailure::code);
        self.sign_ins.get_or_create(&Ended { provider, outcome }).inc();
    }
}
