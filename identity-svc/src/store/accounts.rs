//! Table `identity.account`.

use auth_types::{AccountId, Timestamp, UserId};
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::model::{
    account::{Account, CREDENTIAL},
    password::PasswordHash,
};

#[derive(sqlx::FromRow)]
struct Row {
    id: AccountId,
    account_id: String,
    provider_id: String,
    user_id: UserId,
    created_at: Timestamp,
    updated_at: Timestamp,
    has_password: bool,
    scope: Option<String>,
}

impl From<Row> for Account {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            account_id: row.account_id,
            provider_id: row.provider_id,
            user_id: row.user_id,
            created_at: row.created_at,
            updated_at: row.updated_at,
            scopes: scopes(row.scope.as_deref()),
            has_password: row.has_password,
        }
    }
}

/// As they are stored: separated by commas.
pub(super) fn scopes(stored: Option<&str>) -> Vec<String> {
    let scopes = stored.unwrap_or_default().split(',').filter(|scope| !scope.is_empty());
    scopes.map(str::to_owned).collect()
}

/// All accounts of a user, oldest first.
pub async fn find_of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Account>, Fault> {
    let rows: Vec<Row> = sqlx::query_as(
        "SELECT id, account_id, provider_id, user_id, created_at, updated_at, \
                password IS NOT NULL AS has_password, scope \
           FROM identity.account WHERE user_id = $1 ORDER BY created_at, id",
    )
    .bind(user)
    .fetch_all(db)
    .await
    .doing("listing a user's accounts")?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Deletes one of a user's accounts.
pub async fn delete(db: impl PgExecutor<'_>, user: &UserId, id: &str) -> Result<(), Fault> {
    sqlx::query("DELETE FROM identity.account WHERE user_id = $1 AND id = $2")
        .bind(user)
        .bind(id)
        .execute(db)
        .await
        .doing("deleting an account")
        .map(|_| ())
}

/// Puts a hash in the place of another of the same password. Where the password
/// has been changed meanwhile, nothing happens.
pub async fn replace_hash(
    db: impl PgExecutor<'_>,
    user: &UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE identity.account SET password = $4 \
          WHERE provider_id = $2 AND account_id = $1 AND user_id = $1 AND password = $3",
    )
    .bind(user)
    .bind(CREDENTIAL)
    .bind(old)
    .bind(new)
    .execute(db)
    .await
    .doing("renewing a password hash")
    .map(|_| ())
}

/// Takes a user's password away.
pub async fn delete_password(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM identity.account WHERE user_id = $1 AND provider_id = $2")
        .bind(user)
        .bind(CREDENTIAL)
        .execute(db)
        .await
        .doing("deleting a password")
        .map(|_| ())
}

/// Sets a user's password, creating the credential account if there is none.
pub async fn set_password(
    db: impl PgExecutor<'_>,
    id: &AccountId,
    user: &UserId,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO identity.account (id, user_id, provider_id, account_id, password, created_at, updated_at) \
         VALUES ($1, $2, $3, $2, $4, $5, $5) \
         ON CONFLICT (provider_id, account_id) \
         DO UPDATE SET password = excluded.password, updated_at = excluded.updated_at",
    )
    .bind(id)
    .bind(user)
    .bind(CREDENTIAL)
    .bind(hash)
    .bind(now)
    .execute(db)
    .await
    .doing("storing a password")
    .map(|_| ())
}

pub async fn find_password(
    db: impl PgExecutor<'_>,
    user: &UserId,
) -> Result<Option<PasswordHash>, Fault> {
    sqlx::query_scalar(
        "SELECT password FROM identity.account \
          WHERE provider_id = $2 AND account_id = $1 AND user_id = $1 AND password IS NOT NULL",
    )
    .bind(user)
    .bind(CREDENTIAL)
    .fetch_optional(db)
    .await
    .doing("reading a password hash")
}
