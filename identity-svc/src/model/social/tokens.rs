//! What a provider gave us to act for a user. It rests sealed, opens for the account it
//! was sealed for alone, and prints nothing.

use std::fmt;

use auth_types::{AccountId, Timestamp};
use rand::CryptoRng;
use serde::{Deserialize, Serialize};
use service_kit::sealing::{Sealed, Sealer, Unreadable};

/// The secret part.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenSecrets {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_token: Option<String>,
}

impl fmt::Debug for TokenSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecrets(..)")
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderTokens {
    pub secrets: TokenSecrets,
    pub access_token_expires_at: Option<Timestamp>,
    pub refresh_token_expires_at: Option<Timestamp>,
    pub scopes: Vec<String>,
}

impl ProviderTokens {
    /// These, completed with what of the older ones they do not bring: a provider that
    /// gives no new refresh token means that the old one goes on (RFC 6749, 6). Scopes
    /// are only added to.
    #[must_use]
    pub fn over(self, older: Self) -> Self {
        let (new, old) = (self.secrets, older.secrets);
        let refresh_token_expires_at = match new.refresh_token {
            Some(_) => self.refresh_token_expires_at,
            None => older.refresh_token_expires_at,
        };
        let mut scopes = older.scopes;
        scopes.extend(self.scopes);
        let mut seen = std::collections::HashSet::new();
        scopes.retain(|scope| seen.insert(scope.clone()));
        Self {
            secrets: TokenSecrets {
                access_token: new.access_token.or(old.access_token),
                refresh_token: new.refresh_token.or(old.refresh_token),
                id_token: new.id_token.or(old.id_token),
            },
            access_token_expires_at: self.access_token_expires_at,
            refresh_token_expires_at,
            scopes,
        }
    }
}

/// Seals tokens for their account.
#[derive(Clone)]
pub struct TokenSealer(pub Sealer);

impl TokenSealer {
    pub fn seal(
        &self,
        account: &AccountId,
        secrets: &TokenSecrets,
        rng: &mut impl CryptoRng,
    ) -> Sealed {
        let text = serde_json::to_vec(secrets).expect("texts serialise");
        self.0.seal(account.as_str(), &text, rng)
    }

    pub fn open(&self, account: &AccountId, sealed: &Sealed) -> Result<TokenSecrets, Unreadable> {
        let text = self.0.open(account.as_str(), sealed)?;
        serde_json::from_slice(&text).map_err(|_| Unreadable::Altered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::{Purpose, RootSecrets};

    fn tokens(access: &str, refresh: Option<&str>, scopes: &[&str]) -> ProviderTokens {
        ProviderTokens {
            secrets: TokenSecrets {
                access_token: Some(access.into()),
                refresh_token: refresh.map(Into::into),
                id_token: None,
            },
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            ..ProviderTokens::default()
        }
    }

    #[test]
    fn what_is_not_given_again_stays() {
        let merged = tokens("new", None, &["b", "c"]).over(tokens("old", Some("r"), &["a", "b"]));
        assert_eq!(merged, tokens("new", Some("r"), &["a", "b", "c"]));
    }

    #[test]
    fn tokens_open_for_their_account_and_print_nothing() {
        let secrets = RootSecrets::parse("a-secret-of-good-length-0123456789-abcdef").expect("fit");
        let sealer = TokenSealer(Sealer::new(&secrets, Purpose::ProviderTokens));
        let (one, other) = (AccountId::from("one".to_owned()), AccountId::from("other".to_owned()));
        let given = tokens("gho_secret", Some("ghr_secret"), &[]).secrets;
        let sealed = sealer.seal(&one, &given, &mut rand::rng());
        assert_eq!(sealer.open(&one, &sealed), Ok(given.clone()));
        assert_eq!(sealer.open(&other, &sealed), Err(Unreadable::Altered));
        assert!(!format!("{given:?} {sealed:?}").contains("secret"));
        assert!(!String::from_utf8_lossy(&sealed.bytes).contains("gho_"));
    }
}
