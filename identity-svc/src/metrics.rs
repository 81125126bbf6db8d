//! What the service measures of itself.

use prometheus_client::{
    encoding::{EncodeLabelSet, EncodeLabelValue},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use service_kit::metrics::seconds_histogram;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Outcome {
    Accepted,
    Refused,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: Outcome,
}

/// What kept a password from being judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum Brake {
    /// Too many wrong ones for one account.
    Account,
    /// Too many wrong ones by strangers, for all accounts together.
    Strangers,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct BrakeLabel {
    brake: Brake,
}

/// What an admin may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, EncodeLabelValue)]
pub enum AdminAction {
    BanUser,
    CreateUser,
    GetUser,
    ImpersonateUser,
    ListUsers,
    RemoveUser,
    SetRole,
    SetUserPassword,
    StopImpersonating,
    UnbanUser,
    UpdateUser,
}

impl AdminAction {
    /// As the path has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BanUser => "ban-user",
            Self::CreateUser => "create-user",
            Self::GetUser => "get-user",
            Self::ImpersonateUser => "impersonate-user",
            Self::ListUsers => "list-users",
            Self::RemoveUser => "remove-user",
            Self::SetRole => "set-role",
            Self::SetUserPassword => "set-user-password",
            Self::StopImpersonating => "stop-impersonating",
            Self::UnbanUser => "unban-user",
            Self::UpdateUser => "update-user",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ActionLabel {
    action: AdminAction,
}

#[derive(Clone)]
pub struct Metrics {
    sign_ins: Family<OutcomeLabel, Counter>,
    admin_actions: Family<ActionLabel, Counter>,
    braked: Family<BrakeLabel, Counter>,
    pub sign_ups: Counter,
    pub recoveries: Counter,
    pub recoveries_refused: Counter,
    pub hash: HashMetrics,
}

/// The password pool's own.
#[derive(Clone)]
pub struct HashMetrics {
    pub waiting: Gauge,
    pub turned_away: Counter,
    pub seconds: Histogram,
}

impl Metrics {
    pub fn register(registry: &mut Registry) -> Self {
        let hash = HashMetrics {
            waiting: Gauge::default(),
            turned_away: Counter::default(),
            seconds: seconds_histogram(),
        };
        let metrics = Self {
            sign_ins: Family::default(),
            admin_actions: Family::default(),
            braked: Family::default(),
            sign_ups: Counter::default(),
            recoveries: Counter::default(),
            recoveries_refused: Counter::default(),
            hash,
        };
        registry.register("sign_ins", "Sign-ins with a password", metrics.sign_ins.clone());
        let braked = metrics.braked.clone();
        registry.register("passwords_braked", "Passwords that were not judged, by brake", braked);
        registry.register("sign_ups", "Users who signed up", metrics.sign_ups.clone());
        registry.register(
            "recoveries",
            "Passwords set with the recovery key",
            metrics.recoveries.clone(),
        );
        registry.register(
            "recoveries_refused",
            "Wrong recovery keys",
            metrics.recoveries_refused.clone(),
        );
        registry.register(
            "admin_actions",
            "What admins did to users",
            metrics.admin_actions.clone(),
        );
        registry.register(
            "password_queue",
            "Passwords waiting to be hashed",
            metrics.hash.waiting.clone(),
        );
        registry.register(
            "password_turned_away",
            "Requests answered with 503 because too many passwords were waiting",
            metrics.hash.turned_away.clone(),
        );
        registry.register(
            "password_hash_seconds",
            "Time one hash took",
            metrics.hash.seconds.clone(),
        );
        metrics
    }

    pub fn braked(&self, brake: Brake) {
        self.braked.get_or_create(&BrakeLabel { brake }).inc();
    }

    pub fn admin_acted(&self, action: AdminAction) {
        self.admin_actions.get_or_create(&ActionLabel { action }).inc();
    }

    pub fn sign_in(&self, outcome: Outcome) {
        self.sign_ins.get_or_create(&OutcomeLabel { outcome }).inc();
    }
}
