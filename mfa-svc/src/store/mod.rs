//! The SQL, a file per table.

pub mod allowances;
pub mod backup_codes;
pub mod ceremonies;
pub mod challenges;
pub mod email_codes;
pub mod guards;
pub mod passkeys;
pub mod trusted_devices;
pub mod two_factors;

use auth_types::{Timestamp, UserId};
use service_kit::{Fault, While};
use sqlx::{PgConnection, PgPool};

/// Ends everything that was begun or granted under a factor or a password that is no
/// longer the user's. Challenges go first, in the order in which a guess takes its locks.
pub async fn forget_grants(tx: &mut PgConnection, user: &UserId) -> Result<(), Fault> {
    challenges::delete_of_user(&mut *tx, user).await?;
    email_codes::delete_of_user(&mut *tx, user).await?;
    trusted_devices::delete_of_user(tx, user).await
}

/// Deletes what is over. Nothing reads it any more.
pub async fn purge_over(db: &PgPool, now: Timestamp) -> Result<(), Fault> {
    for statement in [
        "DELETE FROM challenge WHERE expires_at <= $1",
        "DELETE FROM passkey_ceremony WHERE expires_at <= $1",
        "DELETE FROM email_code WHERE expires_at <= $1",
        "DELETE FROM trusted_device WHERE expires_at <= $1",
        "DELETE FROM allowance WHERE ends_at <= $1",
    ] {
        sqlx::query(statement).bind(now).execute(db).await.doing("purging what is over")?;
    }
    Ok(())
}
