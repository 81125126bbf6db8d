//! What the service measures of itself.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

#[derive(Clone, Default)]
pub struct Metrics {
    pub opened: Counter,
    pub resolved: Counter,
    pub resolved_none: Counter,
    pub extended: Counter,
    pub revoked: Counter,
    pub pending_revocations: Gauge,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("sessions_opened", "Sessions opened", metrics.opened.clone());
        registry.register("sessions_resolved", "Lookups in Postgres that found a session", metrics.resolved.clone());
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
        metrics
    }
}
