//! What tells one provider from another.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Provider {
    Google,
    GitHub,
    Discord,
}

impl Provider {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::GitHub => "github",
            Self::Discord => "discord",
        }
    }

    /// The only client that is registered.
    pub(crate) fn client_id(self) -> String {
        format!("stellar-{}", self.name())
    }

    pub(crate) fn client_secret(self) -> String {
        format!("stellar-{}-secret", self.name())
    }

    /// The documented body of whoever signs in.
    pub(crate) fn person(self) -> &'static str {
        match self {
            Self::Google => include_str!("../fixtures/google-claims.json"),
            Self::GitHub => include_str!("../fixtures/github-user.json"),
            Self::Discord => include_str!("../fixtures/discord-user.json"),
        }
    }

    /// The documented answer to a code.
    pub(crate) fn token_answer(self) -> &'static str {
        match self {
            Self::Google => include_str!("../fixtures/google-token.json"),
            Self::GitHub => include_str!("../fixtures/github-token.json"),
            Self::Discord => include_str!("../fixtures/discord-token.json"),
        }
    }
}
