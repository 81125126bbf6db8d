//! The fast copy of a session in Redis: written by session-svc, read at the edge.
//!
//! Postgres holds the truth. A copy says under which Redis process, and which
//! reign of it as a primary, it was written; under another (a restart, a restored
//! snapshot, a promoted replica) a live copy may be older than a revocation, so
//! it is not believed. A revoked copy is believed always, because
//! nothing that was revoked comes back.

use auth_types::TokenDigest;
use serde::{Deserialize, Serialize};

use crate::session::LiveSession;

/// What the keys of copies begin with. The number is the version of this layout.
pub const PREFIX: &str = "s:1:";

/// The key of a session's copy.
#[must_use]
pub fn key(digest: TokenDigest) -> String {
    format!("{PREFIX}{digest}")
}

/// Whose copy stands under a key.
#[must_use]
pub fn digest_of(key: &str) -> Option<TokenDigest> {
    TokenDigest::from_hex(key.strip_prefix(PREFIX)?)
}

/// Names a Redis process and its reign: `run_id` changes when the process does,
/// `master_replid` when a replica is promoted or a primary comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(String);

impl Provenance {
    #[must_use]
    pub fn new(run_id: &str, master_replid: &str) -> Self {
        Self(format!("{run_id}/{master_replid}"))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What stands under [`key`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum SessionCopy {
    Live {
        written_under: Provenance,
        #[serde(flatten)]
        live: Box<LiveSession>,
    },
    /// Stays until the session would have expired, so that a slow reader of the
    /// truth cannot write back what has been revoked since.
    Revoked,
}

/// What a copy is worth to a reader.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    Live(Box<LiveSession>),
    Revoked,
    /// Written under another Redis process: ask for the truth.
    Foreign,
}

impl SessionCopy {
    /// Judges the copy for a reader whose connection leads to `here`.
    #[must_use]
    pub fn judge(self, here: &Provenance) -> Verdict {
        match self {
            Self::Revoked => Verdict::Revoked,
            Self::Live { written_under, live } if written_under == *here => Verdict::Live(live),
            Self::Live { .. } => Verdict::Foreign,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_copy_is_believed_only_where_it_was_written() {
        let text = include_str!("../golden/session-copy-live.json");
        let copy = || serde_json::from_str::<SessionCopy>(text).expect("the golden file");
        let SessionCopy::Live { written_under, .. } = copy() else { panic!("a live copy") };
        assert!(matches!(copy().judge(&written_under), Verdict::Live(_)));
        for other in [Provenance::new("other", "replid1"), Provenance::new("run1", "other")] {
            assert_eq!(copy().judge(&other), Verdict::Foreign);
        }
    }

    #[test]
    fn a_revoked_copy_is_believed_everywhere() {
        assert_eq!(SessionCopy::Revoked.judge(&Provenance::new("any", "any")), Verdict::Revoked);
    }
}
