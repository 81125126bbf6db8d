//! A sign-in that has gone to a provider: what it was for, kept until the browser comes
//! back with its state (contract 8.2).

use std::{fmt, time::Duration};

use auth_types::{Email, TokenDigest, UserId, random};
use contract::origin::TrustedOrigins;
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::model::social::{Provider, SocialFailure};

/// How long the browser may stay away.
pub const LIFETIME: Duration = Duration::from_mins(10);

/// What may be kept in the open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    pub provider: Provider,
    pub callback: String,
    pub error_callback: Option<String>,
    pub new_user_callback: Option<String>,
    pub request_sign_up: bool,
    /// Somebody who is signed in adds a way in.
    pub link: Option<Link>,
    /// What the page wanted to be kept with it. Nothing here reads it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub additional: Map<String, Value>,
}

/// Who wants to add a way in, and the session in which they asked for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub user_id: UserId,
    pub email: Email,
    pub session: TokenDigest,
}

/// What only we may know until the code is exchanged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowSecrets {
    /// PKCE's `code_verifier` (RFC 7636, 4.1), 128 characters.
    pub code_verifier: String,
    /// Of OpenID Connect Core 3.1.2.1, which comes back in the id token.
    pub nonce: String,
}

impl FlowSecrets {
    pub fn generate(rng: &mut impl CryptoRng) -> Self {
        Self {
            code_verifier: random::text(rng, random::ALPHANUMERIC, 128),
            nonce: random::text(rng, random::ALPHANUMERIC, 32),
        }
    }
}

impl fmt::Debug for FlowSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FlowSecrets(..)")
    }
}

impl Flow {
    /// Whether this is the provider that the browser was sent to. A code of one provider
    /// must never be taken to another (RFC 9207).
    pub fn check_provider(&self, came_from: Provider) -> Result<(), SocialFailure> {
        if self.provider == came_from { Ok(()) } else { Err(SocialFailure::StateMismatch) }
    }

    /// Where to go when all is well. Judged again: the trusted origins may be others than
    /// when the flow began.
    #[must_use]
    pub fn target(&self, is_new: bool, origins: &TrustedOrigins) -> Option<&str> {
        let target = match &self.new_user_callback {
            Some(page) if is_new => page,
            _ => &self.callback,
        };
        origins.allows_callback(target).then_some(target)
    }

    /// Where to go when it is not, if that page is still one of ours.
    #[must_use]
    pub fn error_target(&self, origins: &TrustedOrigins) -> Option<&str> {
        self.error_callback.as_deref().filter(|page| origins.allows_callback(page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(callback: &str) -> Flow {
        Flow {
            provider: Provider::GitHub,
            callback: callback.to_owned(),
            error_callback: Some(callback.to_owned()),
            new_user_callback: Some("/welcome".to_owned()),
            request_sign_up: false,
            link: None,
            additional: Map::new(),
        }
    }

    #[test]
    fn a_target_is_judged_again_on_the_way_back() {
        let origins = TrustedOrigins::new("https://api.example".into(), []);
        assert_eq!(flow("/dash").target(false, &origins), Some("/dash"));
        assert_eq!(flow("/dash").target(true, &origins), Some("/welcome"));
        for gone in ["https://old-panel.example/", "//evil.com", "/..//evil.com", "javascript:x"] {
            assert_eq!(flow(gone).target(false, &origins), None, "{gone}");
            assert_eq!(flow(gone).error_target(&origins), None, "{gone}");
        }
    }

    #[test]
    fn a_code_of_another_provider_is_none() {
        assert_eq!(flow("/").check_provider(Provider::GitHub), Ok(()));
        for other in [Provider::Google, Provider::Discord] {
            assert_eq!(flow("/").check_provider(other), Err(SocialFailure::StateMismatch));
        }
    }

    #[test]
    fn verifiers_are_as_long_as_they_may_be_and_do_not_print() {
        let secrets = FlowSecrets::generate(&mut rand::rng());
        assert_eq!(secrets.code_verifier.len(), 128);
        assert_ne!(secrets, FlowSecrets::generate(&mut rand::rng()));
        assert!(!format!("{secrets:?}").contains(&secrets.nonce));
    }
}
