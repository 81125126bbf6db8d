//! Table `identity.account`.

use auth_types::{AccountId, Timestamp, UserId};
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::model::password::PasswordHash;

/// Provider of the account that holds a password.
const CREDENTIAL: &str = "credential";

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
