//! Measurements every service takes. A service's own are in its `metrics.rs`.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

/// Seconds; from an answer out of memory to a password hash on a busy machine.
const SECONDS: [f64; 12] =
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[must_use]
pub fn seconds_histogram() -> Histogram {
    Histogram::new(SECONDS)
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    /// The route's pattern, never the path that was asked for.
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    subject: &'static str,
    outcome: CallOutcome,
}

/// How a request over the bus ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CallOutcome {
    Done,
    Refused,
    Unavailable,
}

impl EncodeLabelValue for CallOutcome {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Done => "done",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

/// Requests served over HTTP.
#[derive(Clone)]
pub struct HttpMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
}

impl HttpMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self { requests: Family::default(), seconds: seconds_histogram() };
        registry.register("http_requests", "HTTP requests answered", metrics.requests.clone());
        registry.register(
            "http_request_seconds",
            "Time to answer an HTTP request",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub fn answered(&self, route: &str, status: u16, took: Duration) {
        self.requests.get_or_create(&RequestLabels { route: route.to_owned(), status }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}

/// Requests made and served over NATS.
#[derive(Clone)]
pub struct BusMetrics {
    served: Family<CallLabels, Counter>,
    requested: Family<CallLabels, Counter>,
    seconds: Histogram,
}

impl BusMetrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            served: Family::default(),
            requested: Family::default(),
            seconds: seconds_histogram(),
        };
        registry.register(
            "bus_served",
            "Requests from other services answered",
            metrics.served.clone(),
        );
        registry.register("bus_requests", "Requests to other services", metrics.requested.clone());
        registry.register(
            "bus_request_seconds",
            "Time another service took to answer",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub fn served(&self, subject: &'static str, outcome: CallOutcome) {
        self.served.get_or_create(&CallLabels { subject, outcome }).inc();
    }

    pub fn requested(&self, subject: &'static str, outcome: CallOutcome, took: Duration) {
        self.requested.get_or_create(&CallLabels { subject, outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }
}
