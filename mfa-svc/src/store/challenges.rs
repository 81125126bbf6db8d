//! Table `mfa.challenge`.

use std::time::Duration;

use auth_types::{ChallengeToken, Timestamp, TokenDigest, UserId};
use contract::{session::Lifetime, user::UserSnapshot};
use service_kit::{Fault, While};
use sqlx::{PgExecutor, types::Json};

use crate::model::sign_in::FirstFactor;

pub const LIFETIME: Duration = Duration::from_mins(10);
/// Codes that are judged for one challenge.
pub const ATTEMPTS: i32 = 5;

/// A sign-in whose second factor is owed.
#[derive(Debug, Clone)]
pub struct Challenge {
    pub digest: TokenDigest,
    /// The user as they were when the first factor was judged.
    pub user: UserSnapshot,
    pub first: FirstFactor,
    pub lifetime: Lifetime,
}

impl FirstFactor {
    fn name(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Passkey => "passkey",
            Self::Social => "social",
        }
    }

    fn named(name: &str) -> Self {
        let known = [Self::Password, Self::Passkey, Self::Social];
        known.into_iter().find(|first| first.name() == name).unwrap_or(Self::Password)
    }
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    token: &ChallengeToken,
    (user, first): (&UserSnapshot, FirstFactor),
    lifetime: Lifetime,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "INSERT INTO challenge (digest, user_id, snapshot, remember, expires_at, first_factor) \
         VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(token.digest().as_bytes())
    .bind(&user.user.id)
    .bind(Json(user))
    .bind(lifetime == Lifetime::Standard)
    .bind(now + LIFETIME)
    .bind(first.name())
    .execute(db)
    .await
    .doing("storing a challenge")
    .map(|_| ())
}

pub async fn find(
    db: impl PgExecutor<'_>,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<Challenge>, Fault> {
    let row: Option<(Json<UserSnapshot>, bool, String)> = sqlx::query_as(
        "SELECT snapshot, remember, first_factor FROM challenge WHERE digest = $1 AND expires_at > $2",
    )
    .bind(digest.as_bytes())
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("finding a challenge")?;
    Ok(row.map(|(Json(user), remember, first)| Challenge {
        digest,
        user,
        first: FirstFactor::named(&first),
        lifetime: if remember { Lifetime::Standard } else { Lifetime::Short },
    }))
}

/// Takes one of the attempts, before a code is judged. The row stays held until the
/// transaction ends, so guesses at one challenge take turns, however many come at once.
pub async fn charge(
    db: impl PgExecutor<'_>,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<bool, Fault> {
    let charged = sqlx::query(
        "UPDATE challenge SET attempts = attempts + 1 \
          WHERE digest = $1 AND attempts < $2 AND expires_at > $3",
    )
    .bind(digest.as_bytes())
    .bind(ATTEMPTS)
    .bind(now)
    .execute(db)
    .await
    .doing("counting an attempt")?;
    Ok(charged.rows_affected() == 1)
}

/// Ends a challenge; of many callers one does.
pub async fn consume(db: impl PgExecutor<'_>, digest: TokenDigest) -> Result<bool, Fault> {
    let consumed = sqlx::query("DELETE FROM challenge WHERE digest = $1")
        .bind(digest.as_bytes())
        .execute(db)
        .await;
    Ok(consumed.doing("ending a challenge")?.rows_affected() == 1)
}

pub async fn delete_of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM challenge WHERE user_id = $1").bind(user).execute(db).await;
    deleted.doing("ending a user's challenges").map(|_| ())
}
