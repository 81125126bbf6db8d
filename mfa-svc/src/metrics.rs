//! What the service measures of itself.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue, LabelValueEncoder},
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};

use contract::mail::PasskeyChange;
use service_kit::Error;

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

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CeremonyLabels {
    kind: Ceremony,
    outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ChangeLabels {
    change: &'static str,
}

/// A ceremony with a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Ceremony {
    Registration,
    Authentication,
}

/// How a ceremony ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    Accepted,
    Refused,
    /// It was not the caller's fault.
    Failed,
}

impl Outcome {
    #[must_use]
    pub fn of<T>(outcome: &Result<T, Error>) -> Self {
        match outcome {
            Ok(_) => Self::Accepted,
            Err(Error::Broke(_)) => Self::Failed,
            Err(_) => Self::Refused,
        }
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
    ceremonies: Family<CeremonyLabels, Counter>,
    passkey_changes: Family<ChangeLabels, Counter>,
    pub counters_refused: Counter,
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
        registry.register(
            "passkey_ceremonies",
            "Ceremonies with a passkey",
            metrics.ceremonies.clone(),
        );
        registry.register(
            "passkey_changes",
            "Passkeys that were added or removed",
            metrics.passkey_changes.clone(),
        );
        registry.register(
            "passkey_counters_refused",
            "Passkeys whose counter did not grow: there may be a copy",
            metrics.counters_refused.clone(),
        );
        metrics
    }

    pub fn ceremony(&self, kind: Ceremony, outcome: Outcome) {
        self.ceremonies.get_or_create(&CeremonyLabels { kind, outcome }).inc();
    }

    pub fn passkey_changed(&self, change: PasskeyChange) {
        self.passkey_changes.get_or_create(&ChangeLabels { change: change.name() }).inc();
    }

    pub fn judged(&self, factor: Factor, right: bool) {
        let outcome = if right { "right" } else { "wrong" };
        self.codes_judged.get_or_create(&JudgedLabels { factor, outcome }).inc();
    }
}
