//! Table `mfa.guard`.

use auth_types::{Timestamp, UserId};
use contract::Refusal;
use service_kit::{Error, Fault, While};
use sqlx::{PgConnection, PgExecutor};

use crate::model::guard::{Door, Guard};

impl Door {
    fn name(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Session => "session",
            Self::Password => "password",
        }
    }
}

#[derive(sqlx::FromRow)]
struct Row {
    failures: i32,
    lockouts: i32,
    locked_until: Option<Timestamp>,
}

/// Counts a guess as wrong, before it is judged; refuses where the door is locked. Guesses
/// at one door of an account take turns until the transaction ends.
pub async fn charge(
    tx: &mut PgConnection,
    user: &UserId,
    door: Door,
    now: Timestamp,
) -> Result<Guard, Error> {
    let charged = hold(tx, user, door).await?.charge(now)?;
    sqlx::query(
        "UPDATE guard SET failures = $3, lockouts = $4, locked_until = $5 WHERE user_id = $1 AND door = $2",
    )
    .bind(user)
    .bind(door.name())
    .bind(charged.failures)
    .bind(charged.lockouts)
    .bind(charged.locked_until)
    .execute(tx)
    .await
    .doing("counting a guess")?;
    Ok(charged)
}

async fn hold(tx: &mut PgConnection, user: &UserId, door: Door) -> Result<Guard, Fault> {
    // Locks the row, whether or not it was there.
    let row: Row = sqlx::query_as(
        "INSERT INTO guard (user_id, door) VALUES ($1, $2) \
         ON CONFLICT (user_id, door) DO UPDATE SET user_id = excluded.user_id \
         RETURNING failures, lockouts, locked_until",
    )
    .bind(user)
    .bind(door.name())
    .fetch_one(tx)
    .await
    .doing("reading how often was guessed")?;
    let Row { failures, lockouts, locked_until } = row;
    Ok(Guard { failures, lockouts, locked_until })
}

/// Refuses where the door is locked, without counting anything.
pub async fn check(
    db: impl PgExecutor<'_>,
    user: &UserId,
    door: Door,
    now: Timestamp,
) -> Result<(), Error> {
    let locked: Option<bool> = sqlx::query_scalar(
        "SELECT coalesce(locked_until > $3, false) FROM guard WHERE user_id = $1 AND door = $2",
    )
    .bind(user)
    .bind(door.name())
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("looking whether a door is locked")?;
    if locked == Some(true) { Err(Refusal::AccountLocked.into()) } else { Ok(()) }
}

/// Takes back one charge, for a guess that nobody could judge. A lock stays.
pub async fn forgive(db: impl PgExecutor<'_>, user: &UserId, door: Door) -> Result<(), Fault> {
    sqlx::query("UPDATE guard SET failures = failures - 1 WHERE user_id = $1 AND door = $2 AND failures > 0")
        .bind(user)
        .bind(door.name())
        .execute(db)
        .await
        .doing("taking back a guess")
        .map(|_| ())
}

/// The guess was right: what was counted before it counts no more.
pub async fn clear(db: impl PgExecutor<'_>, user: &UserId, door: Door) -> Result<(), Fault> {
    let cleared = sqlx::query("DELETE FROM guard WHERE user_id = $1 AND door = $2")
        .bind(user)
        .bind(door.name());
    cleared.execute(db).await.doing("forgetting wrong guesses").map(|_| ())
}

pub async fn clear_all(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let cleared = sqlx::query("DELETE FROM guard WHERE user_id = $1").bind(user).execute(db).await;
    cleared.doing("forgetting wrong guesses").map(|_| ())
}
