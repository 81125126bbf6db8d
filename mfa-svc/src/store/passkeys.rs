//! Table `mfa.passkey`.

use auth_types::{Timestamp, UserId};
use service_kit::{Fault, While};
use sqlx::{PgConnection, PgExecutor};

use crate::model::{
    passkey::{self, Passkey},
    webauthn::relying_party::Assertion,
};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, user_id, name, credential_id, public_key, counter, multi_device, ",
            "backed_up, transports, aaguid, user_handle, created_at FROM passkey ",
            $rest
        )
    };
}

#[derive(sqlx::FromRow)]
struct Row {
    id: String,
    user_id: UserId,
    name: Option<String>,
    credential_id: Vec<u8>,
    public_key: Vec<u8>,
    counter: i64,
    multi_device: bool,
    backed_up: bool,
    transports: Option<String>,
    aaguid: Option<String>,
    user_handle: Option<Vec<u8>>,
    created_at: Option<Timestamp>,
}

impl From<Row> for Passkey {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            user_id: row.user_id,
            name: row.name,
            credential_id: row.credential_id,
            public_key: row.public_key,
            counter: row.counter,
            multi_device: row.multi_device,
            backed_up: row.backed_up,
            transports: row.transports,
            aaguid: row.aaguid,
            user_handle: row.user_handle,
            created_at: row.created_at,
        }
    }
}

/// Why a passkey was not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotInserted {
    /// The credential is somebody's already.
    Taken,
    TooMany,
}

/// Those who add to one user's passkeys take turns, so the limit holds.
pub async fn insert(
    tx: &mut PgConnection,
    passkey: &Passkey,
) -> Result<Result<(), NotInserted>, Fault> {
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended('passkeys of ' || $1, 0))")
        .bind(&passkey.user_id)
        .execute(&mut *tx)
        .await
        .doing("waiting to store a passkey")?;
    if count(&mut *tx, &passkey.user_id).await? >= passkey::MAX {
        return Ok(Err(NotInserted::TooMany));
    }
    let inserted = sqlx::query(
        "INSERT INTO passkey (id, user_id, name, credential_id, public_key, counter, multi_device, \
                              backed_up, transports, aaguid, user_handle, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
         ON CONFLICT (credential_id) DO NOTHING",
    )
    .bind(&passkey.id)
    .bind(&passkey.user_id)
    .bind(&passkey.name)
    .bind(&passkey.credential_id)
    .bind(&passkey.public_key)
    .bind(passkey.counter)
    .bind(passkey.multi_device)
    .bind(passkey.backed_up)
    .bind(&passkey.transports)
    .bind(&passkey.aaguid)
    .bind(&passkey.user_handle)
    .bind(passkey.created_at)
    .execute(tx)
    .await
    .doing("storing a passkey")?;
    Ok(if inserted.rows_affected() == 1 { Ok(()) } else { Err(NotInserted::Taken) })
}

pub async fn count(db: impl PgExecutor<'_>, user: &UserId) -> Result<i64, Fault> {
    sqlx::query_scalar("SELECT count(*) FROM passkey WHERE user_id = $1")
        .bind(user)
        .fetch_one(db)
        .await
        .doing("counting passkeys")
}

pub async fn find_by_credential(
    db: impl PgExecutor<'_>,
    credential: &[u8],
) -> Result<Option<Passkey>, Fault> {
    let row: Option<Row> = sqlx::query_as(select!("WHERE credential_id = $1"))
        .bind(credential)
        .fetch_optional(db)
        .await
        .doing("finding a passkey")?;
    Ok(row.map(Into::into))
}

/// Whether a passkey is still there.
pub async fn exists(db: impl PgExecutor<'_>, id: &str) -> Result<bool, Fault> {
    sqlx::query_scalar("SELECT EXISTS (SELECT FROM passkey WHERE id = $1)")
        .bind(id)
        .fetch_one(db)
        .await
        .doing("looking for a passkey")
}

/// Oldest first; those of unknown age before them.
pub async fn list(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Passkey>, Fault> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "WHERE user_id = $1 ORDER BY created_at NULLS FIRST, id LIMIT 1000"
    ))
    .bind(user)
    .fetch_all(db)
    .await
    .doing("listing passkeys")?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Accepts an assertion, if the counter is a good one: grown, or zero where it has always
/// been zero (contract 7.5). The statement that looks at the counter also stores it, so of
/// two assertions with one count one is accepted, on whatever replica.
pub async fn accept(
    db: impl PgExecutor<'_>,
    passkey: &str,
    assertion: &Assertion,
    now: Timestamp,
) -> Result<bool, Fault> {
    let accepted = sqlx::query(
        "UPDATE passkey SET counter = $2, multi_device = $3, backed_up = $4, last_used_at = $5 \
          WHERE id = $1 AND (counter < $2 OR (counter = 0 AND $2 = 0))",
    )
    .bind(passkey)
    .bind(i64::from(assertion.counter))
    .bind(assertion.multi_device)
    .bind(assertion.backed_up)
    .bind(now)
    .execute(db)
    .await
    .doing("accepting a passkey")?;
    Ok(accepted.rows_affected() == 1)
}

/// One of the user's own; nothing where they have no such.
pub async fn rename(
    db: impl PgExecutor<'_>,
    user: &UserId,
    id: &str,
    name: &str,
) -> Result<Option<Passkey>, Fault> {
    let row: Option<Row> = sqlx::query_as(
        "UPDATE passkey SET name = $3 WHERE id = $2 AND user_id = $1 \
         RETURNING id, user_id, name, credential_id, public_key, counter, multi_device, backed_up, \
                   transports, aaguid, user_handle, created_at",
    )
    .bind(user)
    .bind(id)
    .bind(name)
    .fetch_optional(db)
    .await
    .doing("renaming a passkey")?;
    Ok(row.map(Into::into))
}

/// One of the user's own, of which the name comes back; nothing where they have no such.
pub async fn delete(
    db: impl PgExecutor<'_>,
    user: &UserId,
    id: &str,
) -> Result<Option<Option<String>>, Fault> {
    sqlx::query_scalar("DELETE FROM passkey WHERE id = $2 AND user_id = $1 RETURNING name")
        .bind(user)
        .bind(id)
        .fetch_optional(db)
        .await
        .doing("removing a passkey")
}

pub async fn delete_of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM passkey WHERE user_id = $1").bind(user).execute(db).await;
    deleted.doing("removing a user's passkeys").map(|_| ())
}
