//! Table `mfa.two_factor`.

use auth_types::{Timestamp, UserId};
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::model::{sealing::Sealed, totp::Step};

/// An authenticator app of a user.
#[derive(Debug, Clone)]
pub struct TwoFactor {
    pub secret: Sealed,
    pub issuer: String,
    pub verified: bool,
    pub created_at: Timestamp,
    /// As Better Auth has encrypted them, until the first of them is tried.
    pub imported_backup_codes: Option<String>,
}

#[derive(sqlx::FromRow)]
struct Row {
    secret: Vec<u8>,
    key_id: String,
    issuer: String,
    verified: bool,
    created_at: Timestamp,
    imported_backup_codes: Option<String>,
}

impl From<Row> for TwoFactor {
    fn from(row: Row) -> Self {
        let secret = Sealed { bytes: row.secret, key_id: row.key_id };
        Self {
            secret,
            issuer: row.issuer,
            verified: row.verified,
            created_at: row.created_at,
            imported_backup_codes: row.imported_backup_codes,
        }
    }
}

/// What may become of an app that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existing {
    /// One that counts stays.
    KeepVerified,
    /// Sign-ins do not ask for it any more, so it does not count either.
    Replace,
}

/// Begins an enrolment; nothing happens, and `false` comes back, where an app stays.
pub async fn enrol(
    db: impl PgExecutor<'_>,
    user: &UserId,
    (secret, issuer): (&Sealed, &str),
    existing: Existing,
    now: Timestamp,
) -> Result<bool, Fault> {
    let enrolled = sqlx::query(
        "INSERT INTO two_factor AS old (user_id, secret, key_id, issuer, created_at) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (user_id) DO UPDATE SET secret = excluded.secret, key_id = excluded.key_id, \
                issuer = excluded.issuer, verified = false, last_used_step = 0, \
                created_at = excluded.created_at \
          WHERE NOT old.verified OR $6",
    )
    .bind(user)
    .bind(&secret.bytes)
    .bind(&secret.key_id)
    .bind(issuer)
    .bind(now)
    .bind(existing == Existing::Replace)
    .execute(db)
    .await
    .doing("storing an enrolment")?;
    Ok(enrolled.rows_affected() == 1)
}

pub async fn find(db: impl PgExecutor<'_>, user: &UserId) -> Result<Option<TwoFactor>, Fault> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT secret, key_id, issuer, verified, created_at, imported_backup_codes \
           FROM two_factor WHERE user_id = $1",
    )
    .bind(user)
    .fetch_optional(db)
    .await
    .doing("finding an authenticator app")?;
    Ok(row.map(Into::into))
}

/// The same, and it does not change until the transaction ends.
pub async fn hold(db: impl PgExecutor<'_>, user: &UserId) -> Result<Option<TwoFactor>, Fault> {
    let row: Option<Row> = sqlx::query_as(
        "SELECT secret, key_id, issuer, verified, created_at, imported_backup_codes \
           FROM two_factor WHERE user_id = $1 FOR UPDATE",
    )
    .bind(user)
    .fetch_optional(db)
    .await
    .doing("holding an authenticator app")?;
    Ok(row.map(Into::into))
}

/// Uses up the code of a step; `false` where it, or a later one, was used before. The
/// statement that accepts a code is the one that records it, so of many replicas one does.
pub async fn spend_step(db: impl PgExecutor<'_>, user: &UserId, step: Step) -> Result<bool, Fault> {
    let spent = sqlx::query(
        "UPDATE two_factor SET last_used_step = $2 WHERE user_id = $1 AND last_used_step < $2",
    )
    .bind(user)
    .bind(step.0)
    .execute(db)
    .await
    .doing("using up a code")?;
    Ok(spent.rows_affected() == 1)
}

pub async fn mark_verified(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let marked = sqlx::query("UPDATE two_factor SET verified = true WHERE user_id = $1").bind(user);
    marked.execute(db).await.doing("completing an enrolment").map(|_| ())
}

/// Replaces the secret by itself, sealed anew.
pub async fn reseal(db: impl PgExecutor<'_>, user: &UserId, secret: &Sealed) -> Result<(), Fault> {
    sqlx::query("UPDATE two_factor SET secret = $2, key_id = $3 WHERE user_id = $1")
        .bind(user)
        .bind(&secret.bytes)
        .bind(&secret.key_id)
        .execute(db)
        .await
        .doing("sealing a secret anew")
        .map(|_| ())
}

/// With its backup codes.
pub async fn delete(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM two_factor WHERE user_id = $1").bind(user).execute(db).await;
    deleted.doing("removing an authenticator app").map(|_| ())
}
