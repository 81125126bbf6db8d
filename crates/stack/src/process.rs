//! What a stack consists of.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One process of the stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Process {
    #[serde(rename = "gateway")]
    Gateway,
    #[serde(rename = "identity-svc")]
    Identity,
    #[serde(rename = "session-svc")]
    Session,
    #[serde(rename = "mfa-svc")]
    Mfa,
    #[serde(rename = "mailer-svc")]
    Mailer,
    #[serde(rename = "panel")]
    Panel,
    #[serde(rename = "providers")]
    Providers,
    #[serde(rename = "postgres")]
    Postgres,
    #[serde(rename = "redis")]
    Redis,
    #[serde(rename = "nats")]
    Nats,
    #[serde(rename = "gateway-2")]
    Gateway2,
    #[serde(rename = "gateway-3")]
    Gateway3,
    #[serde(rename = "session-svc-2")]
    Session2,
    #[serde(rename = "nats-2")]
    Nats2,
    #[serde(rename = "nats-3")]
    Nats3,
}

impl Process {
    /// What a stack runs unless it is told otherwise.
    pub const ALL: [Self; 10] = [
        Self::Gateway,
        Self::Identity,
        Self::Session,
        Self::Mfa,
        Self::Mailer,
        Self::Panel,
        Self::Providers,
        Self::Postgres,
        Self::Redis,
        Self::Nats,
    ];
    /// The gateways that a stack can run.
    pub const GATEWAYS: [Self; 3] = [Self::Gateway, Self::Gateway2, Self::Gateway3];
    /// The replicas of session-svc that a stack can run.
    pub const SESSION_SVCS: [Self; 2] = [Self::Session, Self::Session2];
    /// The servers of NATS that a stack can run: one, or a cluster of all.
    pub const NATS: [Self; 3] = [Self::Nats, Self::Nats2, Self::Nats3];
    pub const STORES: [Self; 3] = [Self::Postgres, Self::Redis, Self::Nats];

    /// Everything that a stack can run.
    pub fn every() -> impl Iterator<Item = Self> {
        let replicas = [Self::Gateway2, Self::Gateway3, Self::Session2, Self::Nats2, Self::Nats3];
        Self::ALL.into_iter().chain(replicas)
    }

    /// What it is a replica of, which may be itself.
    #[must_use]
    pub fn original(self) -> Self {
        match self {
            Self::Gateway2 | Self::Gateway3 => Self::Gateway,
            Self::Session2 => Self::Session,
            Self::Nats2 | Self::Nats3 => Self::Nats,
            other => other,
        }
    }

    /// The name of its binary, where we built it ourselves.
    #[must_use]
    pub fn program(self) -> &'static str {
        self.original().name()
    }

    /// How it is called in logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Identity => "identity-svc",
            Self::Session => "session-svc",
            Self::Mfa => "mfa-svc",
            Self::Mailer => "mailer-svc",
            Self::Panel => "panel",
            Self::Providers => "providers",
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Nats => "nats",
            Self::Gateway2 => "gateway-2",
            Self::Gateway3 => "gateway-3",
            Self::Session2 => "session-svc-2",
            Self::Nats2 => "nats-2",
            Self::Nats3 => "nats-3",
        }
    }

    #[must_use]
    pub fn is_store(self) -> bool {
        Self::STORES.contains(&self.original())
    }

    /// Where it listens, counted from the port base. The base itself belongs
    /// to the frontend, which is not ours to run.
    #[must_use]
    pub fn port_offset(self) -> Option<u16> {
        match self {
            Self::Gateway => Some(1),
            Self::Identity => Some(3),
            Self::Session => Some(5),
            Self::Mfa => Some(7),
            Self::Mailer => None, // takes its work from the bus alone
            Self::Panel => Some(10),
            Self::Postgres => Some(11),
            Self::Redis => Some(12),
            Self::Nats => Some(13),
            Self::Gateway2 => Some(14),
            Self::Gateway3 => Some(16),
            Self::Session2 => Some(18),
            Self::Providers => Some(20),
            Self::Nats2 => Some(21),
            Self::Nats3 => Some(22),
        }
    }

    /// Where the servers of a cluster speak to each other, counted from the port base.
    #[must_use]
    pub fn route_offset(self) -> Option<u16> {
        match self {
            Self::Nats => Some(23),
            Self::Nats2 => Some(24),
            Self::Nats3 => Some(25),
            _ => None,
        }
    }

    /// Where it answers `/livez` and `/readyz`, counted from the port base.
    #[must_use]
    pub fn admin_offset(self) -> Option<u16> {
        match self {
            Self::Gateway => Some(2),
            Self::Identity => Some(4),
            Self::Session => Some(6),
            Self::Mfa => Some(8),
            Self::Mailer => Some(9),
            Self::Panel => Some(10), // an ordinary application: one port for everything
            Self::Providers => Some(20), // likewise
            Self::Postgres | Self::Redis | Self::Nats | Self::Nats2 | Self::Nats3 => None,
            Self::Gateway2 => Some(15),
            Self::Gateway3 => Some(17),
            Self::Session2 => Some(19),
        }
    }

    /// The groups in which a stack is stopped. The door closes first and the
    /// stores last, so that nobody loses what they stand on.
    pub(crate) const STOP_ORDER: [&'static [Self]; 3] = [
        &Self::GATEWAYS,
        &[
            Self::Identity,
            Self::Session,
            Self::Session2,
            Self::Mfa,
            Self::Mailer,
            Self::Panel,
            Self::Providers,
        ],
        &[Self::Postgres, Self::Redis, Self::Nats, Self::Nats2, Self::Nats3],
    ];
}

impl fmt::Display for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_record_and_the_log_use_the_same_names() {
        for process in Process::every() {
            let written = serde_json::to_value(process).expect("a name");
            assert_eq!(written, process.name());
        }
    }

    #[test]
    fn no_two_processes_share_a_port() {
        let mut seen = HashSet::new();
        for process in Process::every() {
            let ports = [process.port_offset(), process.admin_offset(), process.route_offset()];
            let mut own: Vec<_> = ports.into_iter().flatten().collect();
            own.dedup();
            assert!(own.into_iter().all(|offset| seen.insert(offset)), "{process}");
        }
        assert_eq!(seen, (1..=25).collect());
    }

    #[test]
    fn everything_is_stopped_once() {
        let mut stopped: Vec<_> = Process::STOP_ORDER.concat();
        stopped.sort();
        assert_eq!(stopped, Process::every().collect::<Vec<_>>());
    }
}
