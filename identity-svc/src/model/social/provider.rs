//! The social providers there are.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Its name is also the provider's part of an identity: a subject means something only
/// together with who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    Google,
    GitHub,
    Discord,
}

impl Provider {
    pub const ALL: [Self; 3] = [Self::Google, Self::GitHub, Self::Discord];

    /// As paths, bodies and the database have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::GitHub => "github",
            Self::Discord => "discord",
        }
    }

    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }

    /// What is asked for at every sign-in (contract 8.3).
    #[must_use]
    pub fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Google => &["email", "profile", "openid"],
            Self::GitHub => &["read:user", "user:email"],
            Self::Discord => &["identify", "email"],
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Provider {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::named(text).ok_or("expected google, github or discord")
    }
}
