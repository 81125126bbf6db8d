//! What is measured of mails.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use service_kit::metrics::seconds_histogram;

/// What an attempt to send came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Attempt {
    Sent,
    /// It will be tried again.
    Failed,
    /// No server will ever take it.
    Dead,
}

impl EncodeLabelValue for Attempt {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Sent => "sent",
            Self::Failed => "failed",
            Self::Dead => "dead",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttemptLabels {
    template: &'static str,
    outcome: Attempt,
}

#[derive(Clone)]
pub struct Metrics {
    attempts: Family<AttemptLabels, Counter>,
    unfit: Counter,
    receipts_failed: Counter,
    waiting: Gauge,
    seconds: Histogram,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            attempts: Family::default(),
            unfit: Counter::default(),
            receipts_failed: Counter::default(),
            waiting: Gauge::default(),
            seconds: seconds_histogram(),
        };
        registry.register("mailer_attempts", "Attempts to send a mail", metrics.attempts.clone());
        registry.register("mailer_unfit", "Messages that are no mails", metrics.unfit.clone());
        registry.register(
            "mailer_receipts_failed",
            "Receipts that were not taken and will be given again",
            metrics.receipts_failed.clone(),
        );
        registry.register(
            "mailer_waiting",
            "Mails behind the one last taken from the queue",
            metrics.waiting.clone(),
        );
        registry.register(
            "mailer_send_seconds",
            "Time to hand a mail over",
            metrics.seconds.clone(),
        );
        metrics
    }

    pub fn attempted(&self, template: &'static str, outcome: Attempt, took: Duration) {
        self.attempts.get_or_create(&AttemptLabels { template, outcome }).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    pub fn unfit(&self) {
        self.unfit.inc();
    }

    pub fn receipt_failed(&self) {
        self.receipts_failed.inc();
    }

    pub fn waiting(&self, mails: u64) {
        self.waiting.set(i64::try_from(mails).unwrap_or(i64::MAX));
    }
}
