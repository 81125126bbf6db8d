//! What the service measures of itself.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

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

#[derive(Clone, Default)]
pub struct Metrics {
    pub opened: Counter,
    pub rotated: Counter,
    pub resolved: Counter,
    pub resolved_none: Counter,
    pub extended: Counter,
    pub revoked: Counter,
    pub pending_revocations: Gauge,
    admin_actions: Family<ActionLabel, Counter>,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
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
            "admin_actions",
            "What admins did to users' sessions",
            metrics.admin_actions.clone(),
        );
        metrics
    }

    pub fn admin_acted(&self, action: AdminAction) {
        self.admin_actions.get_or_create(&ActionLabel { action }).inc();
    }
}
