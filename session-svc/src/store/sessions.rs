//! Table `session.session`.

use auth_types::{SessionId, Timestamp, TokenDigest, UserId};
use contract::{
    session::{LIFETIME, LiveSession, Proof, Session, UPDATE_AGE, Version},
    user::User,
};
use service_kit::{Fault, While};
use sqlx::{PgConnection, PgExecutor, types::Json};

use crate::model::opening::Ground;

/// Most sessions that a list shows (contract 3.5).
const LIST_LIMIT: i64 = 100;
/// Most sessions of a user that an admin is shown.
const ADMIN_LIST_LIMIT: i64 = 1000;

#[derive(sqlx::FromRow)]
struct Row {
    token_digest: [u8; 32],
    id: SessionId,
    user_id: UserId,
    version: i64,
    created_at: Timestamp,
    updated_at: Timestamp,
    expires_at: Timestamp,
    ip_address: String,
    user_agent: String,
    impersonated_by: Option<UserId>,
    extendable: bool,
    user_version: i64,
    snapshot: Json<User>,
}

impl Row {
    fn split(self) -> (TokenDigest, LiveSession) {
        let session = Session {
            expires_at: self.expires_at,
            created_at: self.created_at,
            updated_at: self.updated_at,
            ip_address: self.ip_address,
            user_agent: self.user_agent,
            user_id: self.user_id,
            impersonated_by: self.impersonated_by,
            id: self.id,
            extendable: self.extendable,
        };
        let version = Version { session: self.version, user: self.user_version };
        (self.token_digest.into(), LiveSession { session, user: self.snapshot.0, version })
    }
}

/// A session with the user it belongs to, completed with a condition.
macro_rules! select {
    ($($rest:literal),+) => {
        concat!(
            "SELECT s.token_digest, s.id, s.user_id, s.version, s.created_at, s.updated_at, \
                    s.expires_at, s.ip_address, s.user_agent, s.impersonated_by, s.extendable, \
                    u.version AS user_version, u.snapshot \
               FROM session s JOIN user_snapshot u USING (user_id) WHERE ",
            $($rest),+
        )
    };
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    session: &Session,
    digest: TokenDigest,
    ground: Ground<'_>,
) -> Result<(), Fault> {
    let (proof, opened_from, rotated_from) = match ground {
        Ground::Proof(proof) => (name(proof), None, None),
        Ground::Impersonation(own) => ("impersonation", Some(own), None),
        Ground::Rotation(old) => ("rotation", None, Some(old)),
    };
    sqlx::query(
        "INSERT INTO session (id, token_digest, user_id, created_at, updated_at, expires_at, \
                              ip_address, user_agent, impersonated_by, extendable, proof, opened_from, rotated_from) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
    )
    .bind(&session.id)
    .bind(digest.as_bytes())
    .bind(&session.user_id)
    .bind(session.created_at)
    .bind(session.updated_at)
    .bind(session.expires_at)
    .bind(&session.ip_address)
    .bind(&session.user_agent)
    .bind(&session.impersonated_by)
    .bind(session.extendable)
    .bind(proof)
    .bind(opened_from)
    .bind(rotated_from)
    .execute(db)
    .await
    .doing("storing a session")
    .map(|_| ())
}

fn name(proof: Proof) -> &'static str {
    match proof {
        Proof::SignUp => "sign_up",
        Proof::Password => "password",
        Proof::PasswordOnTrustedDevice => "password_on_trusted_device",
        Proof::PasswordAndTotp => "password_and_totp",
        Proof::PasswordAndEmailCode => "password_and_email_code",
        Proof::PasswordAndBackupCode => "password_and_backup_code",
        Proof::PasskeyWithUserVerification => "passkey_with_user_verification",
        Proof::Passkey => "passkey",
        Proof::PasskeyOnTrustedDevice => "passkey_on_trusted_device",
        Proof::PasskeyAndTotp => "passkey_and_totp",
        Proof::PasskeyAndEmailCode => "passkey_and_email_code",
        Proof::PasskeyAndBackupCode => "passkey_and_backup_code",
        Proof::PasskeyRegistration => "passkey_registration",
        Proof::Social => "social",
        Proof::SocialWithSecondFactor => "social_with_second_factor",
        Proof::SocialOnTrustedDevice => "social_on_trusted_device",
        Proof::SocialAndTotp => "social_and_totp",
        Proof::SocialAndEmailCode => "social_and_email_code",
        Proof::SocialAndBackupCode => "social_and_backup_code",
    }
}

/// The session of a token, unless it is over. A banned user's session counts as
/// none (contract 3.3).
pub async fn find_live(
    db: impl PgExecutor<'_>,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<LiveSession>, Fault> {
    let row: Option<Row> = sqlx::query_as(select!("s.token_digest = $1 AND s.expires_at > $2"))
        .bind(digest.as_bytes())
        .bind(now)
        .fetch_optional(db)
        .await
        .doing("finding a session")?;
    Ok(row.map(|row| row.split().1).filter(|live| !live.user.is_banned(now)))
}

/// The same, and neither the session nor what is known of its user changes until the
/// transaction ends.
pub async fn hold_live(
    tx: &mut PgConnection,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<Option<LiveSession>, Fault> {
    let row: Option<Row> =
        sqlx::query_as(select!("s.token_digest = $1 AND s.expires_at > $2 FOR SHARE OF s, u"))
            .bind(digest.as_bytes())
            .bind(now)
            .fetch_optional(tx)
            .await
            .doing("holding a session")?;
    Ok(row.map(|row| row.split().1).filter(|live| !live.user.is_banned(now)))
}

/// Whose session this is, named by its id or by its token.
pub async fn find_owner(
    db: impl PgExecutor<'_>,
    id: &str,
    token: Option<TokenDigest>,
) -> Result<Option<UserId>, Fault> {
    sqlx::query_scalar("SELECT user_id FROM session WHERE id = $1 OR token_digest = $2")
        .bind(id)
        .bind(token.map(|digest| *digest.as_bytes()))
        .fetch_optional(db)
        .await
        .doing("finding whose session this is")
}

/// What an admin sees of a user's sessions: all there are, oldest first.
pub async fn list_all(db: impl PgExecutor<'_>, user: &UserId) -> Result<Vec<Session>, Fault> {
    let rows: Vec<Row> =
        sqlx::query_as(select!("s.user_id = $1 ORDER BY s.created_at, s.id LIMIT $2"))
            .bind(user)
            .bind(ADMIN_LIST_LIMIT)
            .fetch_all(db)
            .await
            .doing("listing a user's sessions for an admin")?;
    Ok(rows.into_iter().map(|row| row.split().1.session).collect())
}

/// Sessions of a user that are not over, oldest first, with their digests.
pub async fn find_of_user(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<(TokenDigest, LiveSession)>, Fault> {
    let rows: Vec<Row> = sqlx::query_as(select!("s.user_id = $1 AND s.expires_at > $2"))
        .bind(user)
        .bind(now)
        .fetch_all(db)
        .await
        .doing("finding a user's sessions")?;
    Ok(rows.into_iter().map(Row::split).collect())
}

/// What a user sees of their own sessions: the newest, in the order in which they
/// began. Somebody else's, who acts as them, are not shown.
pub async fn list(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<Session>, Fault> {
    let rows: Vec<Row> = sqlx::query_as(select!(
        "s.user_id = $1 AND s.expires_at > $2 AND s.impersonated_by IS NULL ",
        "ORDER BY s.created_at DESC, s.id DESC LIMIT $3"
    ))
    .bind(user)
    .bind(now)
    .bind(LIST_LIMIT)
    .fetch_all(db)
    .await
    .doing("listing a user's sessions")?;
    Ok(rows.into_iter().rev().map(|row| row.split().1.session).collect())
}

/// Extends a session if it is due, and says whether it was this call that did. Of
/// many callers one does; a session that was revoked stays gone.
pub async fn extend(
    db: impl PgExecutor<'_>,
    digest: TokenDigest,
    now: Timestamp,
) -> Result<bool, Fault> {
    let due = now + LIFETIME - UPDATE_AGE;
    let updated = sqlx::query(
        "UPDATE session SET expires_at = $3, updated_at = $2, version = version + 1 \
          WHERE token_digest = $1 AND extendable AND expires_at > $2 AND expires_at <= $4",
    )
    .bind(digest.as_bytes())
    .bind(now)
    .bind(now + LIFETIME)
    .bind(due)
    .execute(db)
    .await
    .doing("extending a session")?;
    Ok(updated.rows_affected() == 1)
}

/// Deletes what has been over for a while. Nothing reads it any more.
pub async fn purge_over(db: impl PgExecutor<'_>, before: Timestamp) -> Result<u64, Fault> {
    let deleted = sqlx::query(
        "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < $1 LIMIT 1000)",
    )
    .bind(before)
    .execute(db)
    .await
    .doing("purging sessions that are over")?;
    Ok(deleted.rows_affected())
}
