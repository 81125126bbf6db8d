//! Table `identity.account`: identities at social providers.
//!
//! A provider and a subject belong to one user, which the unique index sees to. What the
//! provider gave us is in the row, sealed.

use auth_types::{AccountId, Timestamp, UserId};
use contract::user::UserSnapshot;
use service_kit::{Fault, While, sealing::Sealed};
use sqlx::{PgConnection, PgExecutor};

use crate::{
    model::social::{
        Provider, Subject,
        tokens::{ProviderTokens, TokenSealer, TokenSecrets},
    },
    store::{accounts::scopes, users},
};

/// An identity at a provider, with what is kept of it.
#[derive(Debug, Clone)]
pub struct SocialAccount {
    pub id: AccountId,
    pub provider_id: String,
    pub subject: String,
    pub tokens: ProviderTokens,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: AccountId,
    provider_id: String,
    account_id: String,
    tokens: Option<Vec<u8>>,
    tokens_key_id: Option<String>,
    access_token_expires_at: Option<Timestamp>,
    refresh_token_expires_at: Option<Timestamp>,
    scope: Option<String>,
}

/// A new identity of a user's.
#[derive(Debug, Clone, Copy)]
pub struct NewAccount<'a> {
    pub user: &'a UserId,
    pub provider: Provider,
    pub subject: &'a Subject,
    /// Whether the provider has proved the user's address.
    pub address_proved: bool,
}

/// Who has this identity, and the account that says so.
pub async fn find_owner(
    db: &mut PgConnection,
    provider: Provider,
    subject: &Subject,
) -> Result<Option<(AccountId, UserSnapshot)>, Fault> {
    let found: Option<(AccountId, UserId)> = sqlx::query_as(
        "SELECT id, user_id FROM identity.account WHERE provider_id = $1 AND account_id = $2",
    )
    .bind(provider.name())
    .bind(subject.as_str())
    .fetch_optional(&mut *db)
    .await
    .doing("finding the owner of an identity")?;
    let Some((account, owner)) = found else { return Ok(None) };
    Ok(users::find_by_id(db, &owner).await?.map(|user| (account, user)))
}

/// Adds an identity; says no where somebody has it already.
pub async fn insert(
    db: impl PgExecutor<'_>,
    sealer: &TokenSealer,
    new: NewAccount<'_>,
    tokens: &ProviderTokens,
    now: Timestamp,
) -> Result<bool, Fault> {
    let id = AccountId::mint(&mut rand::rng());
    let sealed = sealer.seal(&id, &tokens.secrets, &mut rand::rng());
    let inserted = sqlx::query(
        "INSERT INTO identity.account (id, user_id, provider_id, account_id, address_proved, \
                tokens, tokens_key_id, access_token_expires_at, refresh_token_expires_at, scope, \
                created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11) \
         ON CONFLICT (provider_id, account_id) DO NOTHING",
    )
    .bind(&id)
    .bind(new.user)
    .bind(new.provider.name())
    .bind(new.subject.as_str())
    .bind(new.address_proved)
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .bind(tokens.access_token_expires_at)
    .bind(tokens.refresh_token_expires_at)
    .bind(tokens.scopes.join(","))
    .bind(now)
    .execute(db)
    .await
    .doing("adding an identity")?;
    Ok(inserted.rows_affected() == 1)
}

/// One of a user's identities. What was sealed under a secret that is not configured any
/// more counts as not there.
pub async fn find(
    db: impl PgExecutor<'_>,
    sealer: &TokenSealer,
    user: &UserId,
    id: &str,
) -> Result<Option<SocialAccount>, Fault> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT id, provider_id, account_id, tokens, tokens_key_id, access_token_expires_at, \
                refresh_token_expires_at, scope \
           FROM identity.account WHERE user_id = $1 AND id = $2",
    )
    .bind(user)
    .bind(id)
    .fetch_optional(db)
    .await
    .doing("reading an identity")?;
    Ok(row.map(|row| row.open(sealer)))
}

/// Keeps newer tokens beside what they do not replace. `vouched`: the provider has proved
/// the user's address now, if it had not before. Says no where the account is gone.
pub async fn renew(
    db: &mut PgConnection,
    sealer: &TokenSealer,
    (user, id): (&UserId, &AccountId),
    (newer, vouched): (ProviderTokens, bool),
    now: Timestamp,
) -> Result<bool, Fault> {
    let Some(account) = find(&mut *db, sealer, user, id.as_str()).await? else { return Ok(false) };
    let tokens = newer.over(account.tokens);
    let sealed = sealer.seal(id, &tokens.secrets, &mut rand::rng());
    let renewed = sqlx::query(
        "UPDATE identity.account \
            SET tokens = $3, tokens_key_id = $4, access_token_expires_at = $5, \
                refresh_token_expires_at = $6, scope = $7, updated_at = $8, \
                address_proved = address_proved OR $9 \
          WHERE id = $1 AND user_id = $2",
    )
    .bind(id)
    .bind(user)
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .bind(tokens.access_token_expires_at)
    .bind(tokens.refresh_token_expires_at)
    .bind(tokens.scopes.join(","))
    .bind(now)
    .bind(vouched)
    .execute(db)
    .await
    .doing("renewing what a provider gave us")?;
    Ok(renewed.rows_affected() == 1)
}

/// Deletes a user's identities but for one.
pub async fn delete_others(
    db: impl PgExecutor<'_>,
    user: &UserId,
    kept: &AccountId,
) -> Result<(), Fault> {
    sqlx::query("DELETE FROM identity.account WHERE user_id = $1 AND id <> $2")
        .bind(user)
        .bind(kept)
        .execute(db)
        .await
        .doing("deleting a user's other accounts")
        .map(|_| ())
}

/// Whether there is an identity that came without a proved address.
pub async fn any_unproved(db: impl PgExecutor<'_>, user: &UserId) -> Result<bool, Fault> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM identity.account WHERE user_id = $1 AND NOT address_proved)",
    )
    .bind(user)
    .fetch_one(db)
    .await
    .doing("looking for identities without a proved address")
}

/// Deletes the identities that came without a proved address, and says whether there
/// were any.
pub async fn delete_unproved(db: impl PgExecutor<'_>, user: &UserId) -> Result<bool, Fault> {
    let deleted =
        sqlx::query("DELETE FROM identity.account WHERE user_id = $1 AND NOT address_proved")
            .bind(user)
            .execute(db)
            .await;
    Ok(deleted.doing("deleting identities without a proved address")?.rows_affected() > 0)
}

/// The user themselves has proved the address: their identities are theirs.
pub async fn mark_proved(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    sqlx::query("UPDATE identity.account SET address_proved = true WHERE user_id = $1")
        .bind(user)
        .execute(db)
        .await
        .doing("marking identities as those of a proved address")
        .map(|_| ())
}

impl Row {
    fn open(self, sealer: &TokenSealer) -> SocialAccount {
        let sealed = self.tokens.zip(self.tokens_key_id);
        let opened = sealed.map(|(bytes, key_id)| sealer.open(&self.id, &Sealed { bytes, key_id }));
        let secrets = match opened {
            None => TokenSecrets::default(),
            Some(Ok(secrets)) => secrets,
            Some(Err(error)) => {
                tracing::error!(account.id = %self.id, %error, "a provider's tokens cannot be read");
                TokenSecrets::default()
            }
        };
        SocialAccount {
            id: self.id,
            provider_id: self.provider_id,
            subject: self.account_id,
            tokens: ProviderTokens {
                secrets,
                access_token_expires_at: self.access_token_expires_at,
                refresh_token_expires_at: self.refresh_token_expires_at,
                scopes: scopes(self.scope.as_deref()),
            },
        }
    }
}
