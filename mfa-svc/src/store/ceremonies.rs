//! Table `mfa.passkey_ceremony`.

use std::time::Duration;

use auth_types::{CeremonyToken, Timestamp, TokenDigest, UserId};
use serde::{Serialize, de::DeserializeOwned};
use service_kit::{Fault, While};
use sqlx::{PgExecutor, types::Json};

/// How long a ceremony may take (contract 7.1).
pub const LIFETIME: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Registration,
    Authentication,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Authentication => "authentication",
        }
    }
}

/// A ceremony whose response has come.
#[derive(Debug)]
pub struct Ceremony<S> {
    pub user: Option<UserId>,
    pub state: S,
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    token: &CeremonyToken,
    kind: Kind,
    user: Option<&UserId>,
    state: &(impl Serialize + Sync),
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO passkey_ceremony (digest, kind, user_id, state, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(token.digest().as_bytes())
    .bind(kind.name())
    .bind(user)
    .bind(Json(state))
    .bind(now + LIFETIME)
    .execute(db)
    .await
    .doing("storing a ceremony")
    .map(|_| ())
}

/// Uses a ceremony up; of many callers one gets it. It is gone whatever comes of it, also
/// where it was begun as one of the other kind, which gets nothing.
pub async fn consume<S: DeserializeOwned>(
    db: impl PgExecutor<'_>,
    digest: TokenDigest,
    kind: Kind,
    now: Timestamp,
) -> Result<Option<Ceremony<S>>, Fault> {
    let row: Option<(bool, Option<UserId>, Json<serde_json::Value>)> = sqlx::query_as(
        "DELETE FROM passkey_ceremony WHERE digest = $1 \
         RETURNING kind = $2 AND expires_at > $3, user_id, state",
    )
    .bind(digest.as_bytes())
    .bind(kind.name())
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("using up a ceremony")?;
    let Some((true, user, Json(state))) = row else { return Ok(None) };
    let state = serde_json::from_value(state).doing("reading a ceremony")?;
    Ok(Some(Ceremony { user, state }))
}

pub async fn delete_of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM passkey_ceremony WHERE user_id = $1").bind(user).execute(db).await;
    deleted.doing("ending a user's ceremonies").map(|_| ())
}
