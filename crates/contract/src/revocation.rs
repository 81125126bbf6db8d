//! How gateways learn that sessions have ended or changed, and confirm it.
//!
//! A gateway remembers sessions under a lease on each of two paths: Redis, which tells
//! of changes to copies, and NATS, where session-svc tells of them. On both it sends a
//! heartbeat every [`HEARTBEAT`] and believes what it remembers only while both have
//! been answered within [`LEASE`]. So a change that is in Redis is known to a gateway,
//! or the gateway believes nothing, once [`CEILING`] has passed. session-svc need not
//! wait for that when all gateways that it has heard of within [`CEILING`] confirm.

use std::{fmt, time::Duration};

use auth_types::{Timestamp, TokenDigest};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// How often a gateway sends a heartbeat on each path.
pub const HEARTBEAT: Duration = Duration::from_millis(200);
/// How long a heartbeat that was answered is good, counted from when it was sent.
pub const LEASE: Duration = Duration::from_millis(600);
/// When a change that Redis has is known everywhere, whatever is cut or stopped: the
/// lease, and a margin for a timer that fires early and a clock that runs fast.
pub const CEILING: Duration = Duration::from_millis(750);

/// Names one process for as long as it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instance(Uuid);

impl Instance {
    #[must_use]
    pub fn mint() -> Self {
        Self(Uuid::now_v7())
    }
}

impl From<Uuid> for Instance {
    fn from(id: Uuid) -> Self {
        Self(id)
    }
}

/// As a token of a NATS subject.
impl fmt::Display for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.simple().fmt(f)
    }
}

/// `session.v1.changed`: said to every gateway once Postgres has it and Redis has been
/// told. The reply, on the subject that the message names, is a [`Receipt`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsChanged {
    /// These have ended.
    pub revoked: Vec<TokenDigest>,
    /// These stand, but what they show of their user has changed.
    pub rewritten: Vec<TokenDigest>,
    pub written_at: Timestamp,
}

impl SessionsChanged {
    pub const SUBJECT: &'static str = "session.v1.changed";
}

/// `session.v1.receipt.<replica>.<number>`: a gateway believes nothing any more that it
/// remembered of the sessions of one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Nothing in the one that session-svc sends to itself: when that has come back,
    /// NATS has passed the message on, and every heartbeat before it has arrived.
    pub gateway: Option<Instance>,
}

impl Receipt {
    const PREFIX: &'static str = "session.v1.receipt";

    #[must_use]
    pub fn subject(replica: Instance, number: u64) -> String {
        format!("{}.{replica}.{number}", Self::PREFIX)
    }

    /// All that are meant for one replica of session-svc.
    #[must_use]
    pub fn subjects_of(replica: Instance) -> String {
        format!("{}.{replica}.*", Self::PREFIX)
    }

    /// Which message it confirms.
    #[must_use]
    pub fn number(subject: &str) -> Option<u64> {
        subject.strip_prefix(Self::PREFIX)?.rsplit('.').next()?.parse().ok()
    }
}

/// `gateway.v1.heartbeat.<gateway>`: this gateway may believe what it remembers. It
/// listens for this itself: what comes back has been passed on to all who listen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    pub gateway: Instance,
    /// When it was sent, by a clock that only its sender knows.
    pub sent_millis: u64,
}

impl Heartbeat {
    const PREFIX: &'static str = "gateway.v1.heartbeat";
    /// Those of all gateways.
    pub const SUBJECTS: &'static str = "gateway.v1.heartbeat.*";

    #[must_use]
    pub fn subject(gateway: Instance) -> String {
        format!("{}.{gateway}", Self::PREFIX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_by_its_subject_what_it_confirms() {
        let subject = Receipt::subject(Instance::mint(), 17);
        assert_eq!(Receipt::number(&subject), Some(17));
        for other in ["session.v1.receipt", "session.v1.receipt.a.b", "17"] {
            assert_eq!(Receipt::number(other), None, "{other}");
        }
    }

    /// A gateway that trusts what it remembers has been heard of, and a change that
    /// was waited for is older than any lease.
    #[test]
    fn the_ceiling_is_above_every_lease_and_below_two_seconds() {
        assert!(HEARTBEAT * 2 < LEASE && LEASE < CEILING && CEILING < Duration::from_secs(2));
    }
}
