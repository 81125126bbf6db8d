//! Table `session.pending_revocation`, and the statements that end sessions.

use auth_types::{SessionId, Timestamp, TokenDigest, UserId};
use service_kit::{Fault, While};
use sqlx::{PgConnection, PgPool};

/// Notes taken at once. Their digests have to fit into one message of NATS (1 MiB).
pub const BATCH: usize = 5000;

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
    /// All of the user's but one, or what has taken that one's place.
    AllBut(&'a UserId, &'a SessionId),
    /// One of anybody's, named by its id or by its token.
    Anybodys { id: &'a str, token: Option<TokenDigest> },
    /// Those in which the user acts as somebody else.
    ImpersonationsBy(&'a UserId),
    /// Those in which somebody else acts as the user.
    ImpersonationsOf(&'a UserId),
}

/// Ends sessions: the statement that deletes them leaves a note for each.
macro_rules! end {
    ($condition:literal) => {
        concat!(
            "WITH gone AS (DELETE FROM session WHERE ",
            $condition,
            " RETURNING token_digest, user_id, expires_at, impersonated_by) \
             INSERT INTO pending_revocation (token_digest, user_id, expires_at, impersonated_by) \
             SELECT token_digest, user_id, expires_at, impersonated_by FROM gone ON CONFLICT DO NOTHING"
        )
    };
}

/// Ends sessions in Postgres, with the impersonations that were started from them,
/// and says how many ended. A statement of its own looks for those, so that it also
/// sees one that was being opened while the first waited for its admin's session.
pub async fn end(tx: &mut PgConnection, ending: Ending<'_>) -> Result<u64, Fault> {
    let ended = end_only(&mut *tx, ending).await?;
    let orphans = sqlx::query(end!(
        "opened_from IS NOT NULL AND NOT EXISTS (SELECT FROM session AS own WHERE own.id = session.opened_from)"
    ));
    let orphans = orphans.execute(tx).await.doing("ending impersonations")?.rows_affected();
    Ok(ended + orphans)
}

async fn end_only(tx: &mut PgConnection, ending: Ending<'_>) -> Result<u64, Fault> {
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
            sqlx::query(end!("user_id = $1 AND id <> $2 AND rotated_from IS DISTINCT FROM $2"))
                .bind(user.as_str())
                .bind(kept.as_str())
        }
        Ending::Anybodys { id, token } => sqlx::query(end!("id = $1 OR token_digest = $2"))
            .bind(id)
            .bind(token.map(|digest| digest.as_bytes().to_vec())),
        Ending::ImpersonationsBy(admin) => {
            sqlx::query(end!("impersonated_by = $1")).bind(admin.as_str())
        }
        Ending::ImpersonationsOf(user) => {
            sqlx::query(end!("user_id = $1 AND impersonated_by IS NOT NULL")).bind(user.as_str())
        }
    };
    Ok(query.execute(tx).await.doing("ending sessions")?.rows_affected())
}

/// Whose notes are wanted.
#[derive(Debug, Clone, Copy)]
pub enum Notes<'a> {
    Of(TokenDigest),
    OfUser(&'a UserId),
    /// Of sessions in which admins acted as somebody else.
    OfImpersonations,
    Any,
    /// Whoever wrote them should have settled them by now.
    Left,
}

/// Notes that stand, a batch at most.
pub async fn find(db: &PgPool, notes: Notes<'_>) -> Result<Vec<Pending>, Fault> {
    macro_rules! select {
        ($condition:literal) => {
            concat!(
                "SELECT token_digest, expires_at FROM pending_revocation WHERE ",
                $condition,
                " ORDER BY revoked_at LIMIT $1"
            )
        };
    }
    let batch = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let query = match notes {
        Notes::Of(digest) => {
            sqlx::query_as(select!("token_digest = $2")).bind(batch).bind(*digest.as_bytes())
        }
        Notes::OfUser(user) => {
            sqlx::query_as(select!("user_id = $2")).bind(batch).bind(user.as_str())
        }
        Notes::OfImpersonations => {
            sqlx::query_as(select!("impersonated_by IS NOT NULL")).bind(batch)
        }
        Notes::Any => sqlx::query_as(select!("true")).bind(batch),
        Notes::Left => {
            sqlx::query_as(select!("revoked_at < now() - interval '2 seconds'")).bind(batch)
        }
    };
    query.fetch_all(db).await.doing("reading pending revocations")
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
