//! Table `mfa.email_code`.

use auth_types::{Timestamp, UserId};
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::{model::email_code::LIFETIME, prover::Scope};

/// The code that is good for a challenge or a session from now on.
pub async fn put(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    user: &UserId,
    digest: &[u8],
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO email_code (scope, user_id, digest, expires_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (scope) DO UPDATE SET user_id = excluded.user_id, digest = excluded.digest, \
                expires_at = excluded.expires_at",
    )
    .bind(scope.as_str())
    .bind(user)
    .bind(digest)
    .bind(now + LIFETIME)
    .execute(db)
    .await
    .doing("storing a code")
    .map(|_| ())
}

/// Whether a code was sent that is still good.
pub async fn is_open(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    now: Timestamp,
) -> Result<bool, Fault> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM email_code WHERE scope = $1 AND expires_at > $2)",
    )
    .bind(scope.as_str())
    .bind(now)
    .fetch_one(db)
    .await
    .doing("looking for a code")
}

/// Uses up a code, given as what may be stored of it. Of many callers one does.
pub async fn consume(
    db: impl PgExecutor<'_>,
    scope: &Scope,
    digests: &[Vec<u8>],
    now: Timestamp,
) -> Result<bool, Fault> {
    let consumed = sqlx::query(
        "DELETE FROM email_code WHERE scope = $1 AND digest = ANY($2) AND expires_at > $3",
    )
    .bind(scope.as_str())
    .bind(digests)
    .bind(now)
    .execute(db)
    .await
    .doing("using up a code")?;
    Ok(consumed.rows_affected() == 1)
}

/// No code of this scope is good any more.
pub async fn delete(db: impl PgExecutor<'_>, scope: &Scope) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM email_code WHERE scope = $1").bind(scope.as_str()).execute(db);
    deleted.await.doing("dropping a code").map(|_| ())
}

pub async fn delete_of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM email_code WHERE user_id = $1").bind(user).execute(db).await;
    deleted.doing("dropping a user's codes").map(|_| ())
}
