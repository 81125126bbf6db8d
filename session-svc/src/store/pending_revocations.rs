//! Table `session.pending_revocation`, and the statements that end sessions.

use auth_types::{SessionId, Timestamp, TokenDigest, UserId};
use service_kit::{Fault, While};
use sqlx::{PgExecutor, PgPool};

/// Notes taken at once.
const BATCH: i64 = 500;

/// A session that is gone from Postgres but may still have a copy in Redis.
#[derive(Debug, Clone, sqlx::FromRow)]
pub struct Pending {
    token_digest: [u8; 32],
    pub expires_at: Timestamp,
}

impl Pending {
    #[must_use]
    pub fn digest(&self) -> TokenDigest {
        self.token_digest.into()
    }
}

/// Which sessions are to end.
#[derive(Debug, Clone, Copy)]
pub enum Ending<'a> {
    /// The one of this token.
    Of(TokenDigest),
    /// One of the user's, named by its id or by its token.
    Named { user: &'a UserId, id: &'a str, token: Option<TokenDigest> },
    /// All of the user's.
    All(&'a UserId),
    /// All of the user's but one.
    AllBut(&'a UserId, &'a SessionId),
}

/// Ends sessions: the statement that deletes them leaves a note for each.
macro_rules! end {
    ($condition:literal) => {
        concat!(
            "WITH gone AS (DELETE FROM session WHERE ",
            $condition,
            " RETURNING token_digest, user_id, expires_at) \
             INSERT INTO pending_revocation (token_digest, user_id, expires_at) \
             SELECT token_digest, user_id, expires_at FROM gone ON CONFLICT DO NOTHING"
        )
    };
}

/// Ends sessions in Postgres and says how many ended.
pub async fn end(db: impl PgExecutor<'_>, ending: Ending<'_>) -> Result<u64, Fault> {
    let query = match ending {
        Ending::Of(digest) => {
            sqlx::query(end!("token_digest = $1")).bind(digest.as_bytes().to_vec())
        }
        Ending::Named { user, id, token } => {
            sqlx::query(end!("user_id = $1 AND (id = $2 OR token_digest = $3)"))
                .bind(user.as_str())
                .bind(id)
                .bind(token.map(|digest| digest.as_bytes().to_vec()))
        }
        Ending::All(user) => sqlx::query(end!("user_id = $1")).bind(user.as_str()),
        Ending::AllBut(user, kept) => {
            sqlx::query(end!("user_id = $1 AND id <> $2")).bind(user.as_str()).bind(kept.as_str())
        }
    };
    Ok(query.execute(db).await.doing("ending sessions")?.rows_affected())
}

/// Whose notes are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Notes<'a> {
    Of(TokenDigest),
    OfUser(&'a UserId),
    Any,
}

/// Notes that stand, a batch at most.
pub async fn find(db: &PgPool, notes: Notes<'_>) -> Result<Vec<Pending>, Fault> {
    let (digest, user) = match notes {
        Notes::Of(digest) => (Some(digest.as_bytes().to_vec()), None),
        Notes::OfUser(user) => (None, Some(user.as_str())),
        Notes::Any => (None, None),
    };
    sqlx::query_as(
        "SELECT token_digest, expires_at FROM pending_revocation \
          WHERE ($1::bytea IS NULL OR token_digest = $1) AND ($2::text IS NULL OR user_id = $2) \
          ORDER BY revoked_at LIMIT $3",
    )
    .bind(digest)
    .bind(user)
    .bind(BATCH)
    .fetch_all(db)
    .await
    .doing("reading pending revocations")
}

/// Redis has dropped these.
pub async fn settle(db: &PgPool, settled: &[Pending]) -> Result<(), Fault> {
    let digests: Vec<&[u8]> = settled.iter().map(|pending| &pending.token_digest[..]).collect();
    sqlx::query("DELETE FROM pending_revocation WHERE token_digest = ANY($1)")
        .bind(digests)
        .execute(db)
        .await
        .doing("settling revocations")
        .map(|_| ())
}

pub async fn count(db: &PgPool) -> Result<i64, Fault> {
    let counting = sqlx::query_scalar("SELECT count(*) FROM pending_revocation").fetch_one(db);
    counting.await.doing("counting pending revocations")
}
