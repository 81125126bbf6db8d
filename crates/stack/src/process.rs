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
}

impl Process {
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
    pub const STORES: [Self; 3] = [Self::Postgres, Self::Redis, Self::Nats];

    /// How it is called in logs; for what we built ourselves, its binary too.
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
        }
    }

    #[must_use]
    pub fn is_store(self) -> bool {
        Self::STORES.contains(&self)
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
            Self::Providers => Some(14),
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
            Self::Providers => Some(14), // likewise
            Self::Postgres | Self::Redis | Self::Nats => None,
        }
    }

    /// The groups in which a stack is stopped. The door closes first and the
    /// stores last, so that nobody loses what they stand on.
    pub(crate) const STOP_ORDER: [&'static [Self]; 3] = [
        &[Self::Gateway],
        &[Self::Identity, Self::Session, Self::Mfa, Self::Mailer, Self::Panel, Self::Providers],
        &Self::STORES,
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
        for process in Process::ALL {
            let written = serde_json::to_value(process).expect("a name");
            assert_eq!(written, process.name());
        }
    }

    #[test]
    fn no_two_processes_share_a_port() {
        let mut seen = HashSet::new();
        for process in Process::ALL {
            let mut own: Vec<_> =
                [process.port_offset(), process.admin_offset()].into_iter().flatten().collect();
            own.dedup();
            assert!(own.into_iter().all(|offset| seen.insert(offset)), "{process}");
        }
        assert_eq!(seen, (1..=14).collect());
    }

    #[test]
    fn everything_is_stopped_once() {
        let mut stopped: Vec<_> = Process::STOP_ORDER.concat();
        stopped.sort();
        assert_eq!(stopped, Process::ALL);
    }
}
