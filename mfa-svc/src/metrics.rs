//! What the service measures of itself.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use crate::model::factor::Factor;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct JudgedLabels {
    factor: Factor,
    outcome: &'static str,
}

impl EncodeLabelValue for Factor {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        let text = match self {
            Self::Totp => "totp",
            Self::EmailCode => "email_code",
            Self::BackupCode => "backup_code",
        };
        EncodeLabelValue::encode(&text, encoder)
    }
}

#[derive(Clone, Default)]
pub struct Metrics {
    codes_judged: Family<JudgedLabels, Counter>,
    pub challenges: Counter,
    pub devices_passed: Counter,
    pub lockouts: Counter,
    pub codes_mailed: Counter,
    pub changes: Counter,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("codes_judged", "Codes that were judged", metrics.codes_judged.clone());
        registry.register(
            "challenges",
            "Sign-ins that owed a second factor",
            metrics.challenges.clone(),
        );
        registry.register(
            "devices_passed",
            "Sign-ins from a trusted device",
            metrics.devices_passed.clone(),
        );
        registry.register(
            "lockouts",
            "Doors that wrong codes have locked",
            metrics.lockouts.clone(),
        );
        registry.register("codes_mailed", "Codes sent by mail", metrics.codes_mailed.clone());
        registry.register(
            "factor_changes",
            "Second factors that were changed",
            metrics.changes.clone(),
        );
        metrics
    }

    pub fn judged(&self, factor: Factor, right: bool) {
        let outcome = if right { "right" } else { "wrong" };
        self.codes_judged.get_or_create(&JudgedLabels { factor, outcome }).inc();
    }
}
