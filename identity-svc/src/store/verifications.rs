//! Table `identity.verification`: the one-time tokens that are out.
//!
//! A user has one of each purpose at most, so a new one kills the one before. A
//! token is good while it has not expired and its user still has the address it
//! was made for; whatever changes an address kills the tokens that were sent there.

use auth_types::{Timestamp, UserId};
use contract::user::User;
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::model::one_time_token::{OneTimeToken, Purpose};

/// A good token of a purpose, completed with what is to be done with it.
macro_rules! good {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            " v.digest = $1 AND v.purpose = $2 AND v.expires_at > $3 \
               AND u.id = v.user_id AND u.email = v.email ",
            $after
        )
    };
}

/// Keeps a new token, in the place of the user's older one of the same purpose.
pub async fn replace(
    db: impl PgExecutor<'_>,
    purpose: Purpose,
    token: &OneTimeToken,
    user: &User,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO identity.verification (digest, purpose, user_id, email, expires_at, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (user_id, purpose) DO UPDATE \
         SET digest = excluded.digest, email = excluded.email, \
             expires_at = excluded.expires_at, created_at = excluded.created_at",
    )
    .bind(token.digest().as_bytes())
    .bind(purpose.as_str())
    .bind(&user.id)
    .bind(&user.email)
    .bind(now + purpose.lifetime())
    .bind(now)
    .execute(db)
    .await
    .doing("keeping a one-time token")
    .map(|_| ())
}

/// Whose token this is, if it is good. It stays so.
pub async fn find(
    db: impl PgExecutor<'_>,
    purpose: Purpose,
    token: &OneTimeToken,
    now: Timestamp,
) -> Result<Option<UserId>, Fault> {
    sqlx::query_scalar(good!(
        "SELECT v.user_id FROM identity.verification v, identity.user u WHERE",
        "FOR UPDATE OF v"
    ))
    .bind(token.digest().as_bytes())
    .bind(purpose.as_str())
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("finding a one-time token")
}

/// Spends a token and says whose it was. Of any number of callers with the same
/// token one gets an answer, ever. Where `holder` is given, another's token is
/// none, and stays as it is.
pub async fn consume(
    db: impl PgExecutor<'_>,
    purpose: Purpose,
    token: &OneTimeToken,
    holder: Option<&UserId>,
    now: Timestamp,
) -> Result<Option<UserId>, Fault> {
    sqlx::query_scalar(good!(
        "DELETE FROM identity.verification v USING identity.user u WHERE",
        "AND ($4::text IS NULL OR v.user_id = $4) RETURNING v.user_id"
    ))
    .bind(token.digest().as_bytes())
    .bind(purpose.as_str())
    .bind(now)
    .bind(holder)
    .fetch_optional(db)
    .await
    .doing("consuming a one-time token")
}

/// Whether the user has a token of this purpose out.
pub async fn is_out(
    db: impl PgExecutor<'_>,
    purpose: Purpose,
    user: &UserId,
    now: Timestamp,
) -> Result<bool, Fault> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM identity.verification \
                         WHERE user_id = $1 AND purpose = $2 AND expires_at > $3)",
    )
    .bind(user)
    .bind(purpose.as_str())
    .bind(now)
    .fetch_one(db)
    .await
    .doing("looking for a one-time token")
}

/// Takes back the user's token of one purpose.
pub async fn revoke(db: impl PgExecutor<'_>, purpose: Purpose, user: &UserId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM identity.verification WHERE user_id = $1 AND purpose = $2")
        .bind(user)
        .bind(purpose.as_str())
        .execute(db)
        .await
        .doing("revoking a one-time token")
        .map(|_| ())
}

/// Takes back all tokens of the user.
pub async fn revoke_all(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    sqlx::query("DELETE FROM identity.verification WHERE user_id = $1")
        .bind(user)
        .execute(db)
        .await
        .doing("revoking a user's one-time tokens")
        .map(|_| ())
}

/// Deletes what has expired. Nothing reads it any more.
pub async fn purge_expired(db: impl PgExecutor<'_>, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "DELETE FROM identity.verification WHERE digest IN \
         (SELECT digest FROM identity.verification WHERE expires_at <= $1 LIMIT 100 FOR UPDATE SKIP LOCKED)",
    )
    .bind(now)
    .execute(db)
    .await
    .doing("purging one-time tokens")
    .map(|_| ())
}
