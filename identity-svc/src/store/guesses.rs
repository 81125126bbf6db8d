//! Tables `identity.guess`, `identity.strangers_guess` and `identity.known_place`.

use std::time::Duration;

use auth_types::{Timestamp, TokenDigest, UserId};
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::model::brake::{
    FIRST_LOCK, FREE_GUESSES, KNOWN_FOR, KNOWN_PLACES, LONGEST_LOCK, Lane, MEMORY, Subject,
};

/// Counts a guess as wrong, before it is judged; `false` where the lane is locked. One
/// statement, so that of many guesses at once no more are judged than of as many in turn.
pub async fn charge(
    db: impl PgExecutor<'_>,
    lane: TokenDigest,
    now: Timestamp,
) -> Result<bool, Fault> {
    let charged = sqlx::query(
        "INSERT INTO identity.guess AS old (digest, failures, ends_at) VALUES ($1, 1, $3) \
         ON CONFLICT (digest) DO UPDATE SET \
            failures = CASE WHEN old.ends_at <= $2 THEN 1 ELSE old.failures + 1 END, \
            locked_until = CASE WHEN old.ends_at > $2 AND old.failures + 1 >= $4 \
                THEN $2 + make_interval(secs => \
                    least($5 * power(2, least(old.failures + 1 - $4, 30)), $6)) END, \
            ends_at = $3 \
          WHERE old.locked_until IS NULL OR old.locked_until <= $2",
    )
    .bind(lane.as_bytes().as_slice())
    .bind(now)
    .bind(now + MEMORY)
    .bind(FREE_GUESSES)
    .bind(FIRST_LOCK.as_secs_f64())
    .bind(LONGEST_LOCK.as_secs_f64())
    .execute(db)
    .await
    .doing("counting a guess")?;
    Ok(charged.rows_affected() == 1)
}

/// How long a lane stays locked, if it is.
pub async fn locked_for(
    db: impl PgExecutor<'_>,
    lane: TokenDigest,
    now: Timestamp,
) -> Result<Option<Duration>, Fault> {
    let until: Option<Timestamp> = sqlx::query_scalar(
        "SELECT locked_until FROM identity.guess WHERE digest = $1 AND locked_until > $2",
    )
    .bind(lane.as_bytes().as_slice())
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("reading how long a lane is locked")?;
    Ok(until.map(|until| until.since(now)))
}

/// Takes back one charge, for a guess that nobody could judge.
pub async fn forgive(db: impl PgExecutor<'_>, lane: TokenDigest) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE identity.guess SET failures = failures - 1, \
                locked_until = CASE WHEN failures > $2 THEN locked_until END \
          WHERE digest = $1 AND failures > 0",
    )
    .bind(lane.as_bytes().as_slice())
    .bind(FREE_GUESSES)
    .execute(db)
    .await
    .doing("taking back a guess")
    .map(|_| ())
}

/// The guess was right, or there is a new password: what was counted counts no more.
pub async fn clear(db: impl PgExecutor<'_>, lane: TokenDigest) -> Result<(), Fault> {
    sqlx::query("DELETE FROM identity.guess WHERE digest = $1")
        .bind(lane.as_bytes().as_slice())
        .execute(db)
        .await
        .doing("forgetting wrong guesses")
        .map(|_| ())
}

/// A user has a new password: what strangers guessed before counts no more.
pub async fn clear_of_strangers(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    clear(db, Lane::of_strangers(&Subject::of_user(user)).digest).await
}

/// Takes one of the guesses that strangers have in this minute, over all accounts;
/// `false` when none is left.
pub async fn take_of_strangers(
    db: impl PgExecutor<'_>,
    minute: i64,
    most: i32,
) -> Result<bool, Fault> {
    let taken = sqlx::query(
        "INSERT INTO identity.strangers_guess AS old (minute, failures) VALUES ($1, 1) \
         ON CONFLICT (minute) DO UPDATE SET failures = old.failures + 1 WHERE old.failures < $2",
    )
    .bind(minute)
    .bind(most)
    .execute(db)
    .await
    .doing("counting a stranger's guess")?;
    Ok(taken.rows_affected() == 1)
}

pub async fn give_back_to_strangers(db: impl PgExecutor<'_>, minute: i64) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE identity.strangers_guess SET failures = failures - 1 \
          WHERE minute = $1 AND failures > 0",
    )
    .bind(minute)
    .execute(db)
    .await
    .doing("taking back a stranger's guess")
    .map(|_| ())
}

/// Whether the right password was given from there before. Asked by the place alone, in
/// which the user is, so that it takes as long where there is no user.
pub async fn is_known(
    db: impl PgExecutor<'_>,
    user: &UserId,
    place: TokenDigest,
    now: Timestamp,
) -> Result<bool, Fault> {
    sqlx::query_scalar(
        "SELECT EXISTS (SELECT FROM identity.known_place \
                         WHERE user_id = $1 AND place = $2 AND seen_at > $3)",
    )
    .bind(user)
    .bind(place.as_bytes().as_slice())
    .bind(now - KNOWN_FOR)
    .fetch_one(db)
    .await
    .doing("looking whether a place is known")
}

/// Remembers from where the right password was given: the latest places of a user.
pub async fn remember(
    db: impl PgExecutor<'_>,
    user: &UserId,
    place: TokenDigest,
    now: Timestamp,
) -> Result<(), Fault> {
    sqlx::query(
        "WITH seen AS ( \
            INSERT INTO identity.known_place AS old (user_id, place, seen_at) VALUES ($1, $2, $3) \
            ON CONFLICT (user_id, place) DO UPDATE SET seen_at = $3 \
             WHERE old.seen_at < $3 - interval '1 day') \
         DELETE FROM identity.known_place WHERE user_id = $1 AND place IN ( \
            SELECT place FROM identity.known_place WHERE user_id = $1 AND place <> $2 \
             ORDER BY seen_at DESC OFFSET $4)",
    )
    .bind(user)
    .bind(place.as_bytes().as_slice())
    .bind(now)
    .bind(KNOWN_PLACES - 1)
    .execute(db)
    .await
    .doing("remembering a place")
    .map(|_| ())
}

/// Deletes what counts no more.
pub async fn purge(db: impl PgExecutor<'_>, minute: i64, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "WITH guesses AS (DELETE FROM identity.guess WHERE ends_at <= $1), \
              minutes AS (DELETE FROM identity.strangers_guess WHERE minute < $2) \
         DELETE FROM identity.known_place WHERE seen_at <= $3",
    )
    .bind(now)
    .bind(minute - 1)
    .bind(now - KNOWN_FOR)
    .execute(db)
    .await
    .doing("deleting old guesses")
    .map(|_| ())
}
