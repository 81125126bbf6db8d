//! Table `mfa.backup_code`.

use auth_types::UserId;
use service_kit::{Fault, While};
use sqlx::{PgConnection, PgExecutor};

/// Replaces all codes of a user, also those that were taken over.
pub async fn replace(
    tx: &mut PgConnection,
    user: &UserId,
    digests: &[Vec<u8>],
) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM backup_code WHERE user_id = $1").bind(user).execute(&mut *tx);
    deleted.await.doing("removing backup codes")?;
    sqlx::query("UPDATE two_factor SET imported_backup_codes = NULL WHERE user_id = $1")
        .bind(user)
        .execute(&mut *tx)
        .await
        .doing("removing backup codes that were taken over")?;
    sqlx::query("INSERT INTO backup_code (user_id, digest) SELECT $1, unnest($2::bytea[]) ON CONFLICT DO NOTHING")
        .bind(user)
        .bind(digests)
        .execute(tx)
        .await
        .doing("storing backup codes")
        .map(|_| ())
}

/// Uses up a code, given as what may be stored of it. Of many callers one does.
pub async fn consume(
    db: impl PgExecutor<'_>,
    user: &UserId,
    digests: &[Vec<u8>],
) -> Result<bool, Fault> {
    let consumed = sqlx::query("DELETE FROM backup_code WHERE user_id = $1 AND digest = ANY($2)")
        .bind(user)
        .bind(digests)
        .execute(db)
        .await
        .doing("using up a backup code")?;
    Ok(consumed.rows_affected() > 0)
}
