//! Table `mfa.allowance`: what may be done a number of times within a while.

use std::time::Duration;

use auth_types::Timestamp;
use service_kit::{Fault, While};
use sqlx::PgExecutor;

/// So many times, from the first until it has ended.
#[derive(Debug, Clone, Copy)]
pub struct Allowance {
    pub max: i32,
    pub window: Duration,
}

/// Takes one; `false` when none is left. The row stays held until the transaction ends.
pub async fn take(
    db: impl PgExecutor<'_>,
    what: &str,
    allowance: Allowance,
    now: Timestamp,
) -> Result<bool, Fault> {
    let taken = sqlx::query(
        "INSERT INTO allowance AS old (what, used, ends_at) VALUES ($1, 1, $2) \
         ON CONFLICT (what) DO UPDATE \
            SET used = CASE WHEN old.ends_at <= $3 THEN 1 ELSE old.used + 1 END, \
                ends_at = CASE WHEN old.ends_at <= $3 THEN $2 ELSE old.ends_at END \
          WHERE old.used < $4 OR old.ends_at <= $3",
    )
    .bind(what)
    .bind(now + allowance.window)
    .bind(now)
    .bind(allowance.max)
    .execute(db)
    .await
    .doing("taking from an allowance")?;
    Ok(taken.rows_affected() == 1)
}

/// Gives all of it back.
pub async fn restore(db: impl PgExecutor<'_>, what: &str) -> Result<(), Fault> {
    let restored =
        sqlx::query("DELETE FROM allowance WHERE what = $1").bind(what).execute(db).await;
    restored.doing("restoring an allowance").map(|_| ())
}
