//! Accounts: the ways in that a user has.

use auth_types::{AccountId, Timestamp, UserId};
use contract::Refusal;
use serde::Serialize;
use utoipa::ToSchema;

/// Provider of the account that holds a password.
pub const CREDENTIAL: &str = "credential";

/// An account, as its user sees it (contract 1.7). Of its secrets it says only
/// whether there is a password.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Account {
    #[schema(value_type = String)]
    pub id: AccountId,
    pub account_id: String,
    pub provider_id: String,
    #[schema(value_type = String)]
    pub user_id: UserId,
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    pub scopes: Vec<String>,
    #[serde(skip)]
    pub has_password: bool,
}

impl Account {
    /// Whether its user can sign in with it. An account of a provider that is not
    /// configured here opens nothing.
    #[must_use]
    pub fn is_usable(&self, is_configured: impl Fn(&str) -> bool) -> bool {
        match self.provider_id.as_str() {
            CREDENTIAL => self.has_password,
            provider => is_configured(provider),
        }
    }
}

/// Judges whether a user may part with one of their accounts: a way in must be
/// left. That there is no other is said first (contract 4.17).
pub fn check_unlink(
    accounts: &[Account],
    id: &str,
    is_configured: impl Fn(&str) -> bool,
) -> Result<(), Refusal> {
    if accounts.len() < 2 {
        return Err(Refusal::LastAccount);
    }
    let (gone, left): (Vec<_>, Vec<_>) =
        accounts.iter().partition(|account| account.id.as_str() == id);
    match () {
        () if gone.is_empty() => Err(Refusal::AccountNotFound),
        () if left.iter().any(|account| account.is_usable(&is_configured)) => Ok(()),
        () => Err(Refusal::LastAccount),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(id: &str, provider: &str) -> Account {
        let at: Timestamp =
            serde_json::from_value("2026-11-23T23:52:45.438Z".into()).expect("an instant");
        Account {
            id: AccountId::from(id.to_owned()),
            account_id: "x".into(),
            provider_id: provider.into(),
            user_id: UserId::from("u1".to_owned()),
            created_at: at,
            updated_at: at,
            scopes: Vec::new(),
            has_password: provider == CREDENTIAL,
        }
    }

    /// Here, sign-in with Google is configured and with GitHub is not.
    fn check_unlink(accounts: &[Account], id: &str) -> Result<(), Refusal> {
        super::check_unlink(accounts, id, |provider| provider == "google")
    }

    #[test]
    fn the_last_way_in_can_not_be_given_up() {
        let (own, github, google) =
            (account("own", CREDENTIAL), account("github", "github"), account("google", "google"));
        assert_eq!(check_unlink(std::slice::from_ref(&own), "nonsense"), Err(Refusal::LastAccount));
        assert_eq!(check_unlink(&[own.clone(), google.clone()], "own"), Ok(()));
        let both = [own, github.clone()];
        assert_eq!(check_unlink(&both, "nonsense"), Err(Refusal::AccountNotFound));
        assert_eq!(check_unlink(&both, "github"), Ok(()));
        assert_eq!(
            check_unlink(&both, "own"),
            Err(Refusal::LastAccount),
            "github opens nothing here"
        );
        let social = [github, google];
        assert_eq!(check_unlink(&social, "github"), Ok(()));
        assert_eq!(check_unlink(&social, "google"), Err(Refusal::LastAccount));
    }

    #[test]
    fn an_account_shows_no_secret() {
        let shown = serde_json::to_value(account("a", CREDENTIAL)).expect("serialises");
        let keys: Vec<_> = shown.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(
            keys,
            ["accountId", "createdAt", "id", "providerId", "scopes", "updatedAt", "userId"]
        );
    }
}
