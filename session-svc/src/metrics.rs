//! What the service measures of itself.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use service_kit::metrics::seconds_histogram;

/// What an admin may do to another's sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum AdminAction {
    ListUserSessions,
    RevokeUserSession,
    RevokeUserSessions,
}

impl AdminAction {
    /// As the path has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ListUserSessions => "list-user-sessions",
            Self::RevokeUserSession => "revoke-user-session",
            Self::RevokeUserSessions => "revoke-user-sessions",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabel {
    action: AdminAction,
}

/// How the wait for gateways ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    /// All that were there have confirmed.
    Confirmed,
    /// Some have not, or were not known; their leases are over.
    Ceiling,
    /// They could not be told; their leases are over.
    Unheard,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Outcome,
}

#[derive(Clone)]
pub struct Metrics {
    pub opened: Counter,
    pub rotated: Counter,
    pub resolved: Counter,
    pub resolved_none: Counter,
    pub extended: Counter,
    pub revoked: Counter,
    pub pending_revocations: Gauge,
    /// Gateways that were heard of lately.
    pub gateways: Gauge,
    receipts: Family<OutcomeLabel, Counter>,
    receipt_seconds: Histogram,
    admin_actions: Family<ActionLabel, Counter>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            opened: Counter::default(),
            rotated: Counter::default(),
            resolved: Counter::default(),
            resolved_none: Counter::default(),
            extended: Counter::default(),
            revoked: Counter::default(),
            pending_revocations: Gauge::default(),
            gateways: Gauge::default(),
            receipts: Family::default(),
            receipt_seconds: seconds_histogram(),
            admin_actions: Family::default(),
        };
        registry.register("sessions_opened", "Sessions opened", metrics.opened.clone());
        registry.register(
            "sessions_rotated",
            "Sessions whose place another one took",
            metrics.rotated.clone(),
        );
        registry.register(
            "sessions_resolved",
            "Lookups in Postgres that found a session",
            metrics.resolved.clone(),
        );
        registry.register(
            "sessions_resolved_none",
            "Lookups in Postgres that found no session",
            metrics.resolved_none.clone(),
        );
        registry.register("sessions_extended", "Sessions extended", metrics.extended.clone());
        registry.register("sessions_revoked", "Sessions revoked", metrics.revoked.clone());
        registry.register(
            "pending_revocations",
            "Revoked sessions that Redis has not dropped yet",
            metrics.pending_revocations.clone(),
        );
        registry.register(
            "gateways",
            "Gateways that were heard of within the ceiling of a revocation",
            metrics.gateways.clone(),
        );
        registry.register(
            "revocation_receipts",
            "Changes of sessions that gateways were told of, by how the wait for them ended",
            metrics.receipts.clone(),
        );
        registry.register(
            "revocation_receipt_seconds",
            "Time until every gateway had confirmed a change of sessions, or the ceiling",
            metrics.receipt_seconds.clone(),
        );
        registry.register(
            "admin_actions",
            "What admins did to users' sessions",
            metrics.admin_actions.clone(),
        );
        metrics
    }

    pub fn receipts_collected(&self, outcome: Outcome, took: Duration) {
        self.receipts.get_or_create(&OutcomeLabel { outcome }).inc();
        self.receipt_seconds.observe(took.as_secs_f64());
    }

    pub fn admin_acted(&self, action: AdminAction) {
        self.admin_actions.get_or_create(&ActionLabel { action }).inc();
    }
}
