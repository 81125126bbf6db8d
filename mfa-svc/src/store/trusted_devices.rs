//! Table `mfa.trusted_device`.

use std::time::Duration;

use auth_types::{DeviceToken, Timestamp, UserId, random};
use contract::session::ClientInfo;
use serde::Serialize;
use service_kit::{Fault, While};
use sqlx::PgExecutor;
use utoipa::ToSchema;

/// How long a device is trusted after its last use.
const LIFETIME: Duration = Duration::from_hours(30 * 24);

/// A browser from which no second factor is asked, as its user sees it.
#[derive(Debug, Clone, Serialize, sqlx::FromRow, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct TrustedDevice {
    id: String,
    user_agent: String,
    ip_address: String,
    #[schema(value_type = String, format = "date-time")]
    created_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    last_used_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    expires_at: Timestamp,
}

pub async fn insert(
    db: impl PgExecutor<'_>,
    user: &UserId,
    token: &DeviceToken,
    client: &ClientInfo,
    now: Timestamp,
) -> Result<(), Fault> {
    let id = random::text(&mut rand::rng(), random::ALPHANUMERIC, 32);
    sqlx::query(
        "INSERT INTO trusted_device \
            (id, digest, user_id, user_agent, ip_address, created_at, last_used_at, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $6, $7)",
    )
    .bind(id)
    .bind(token.digest().as_bytes())
    .bind(user)
    .bind(&client.user_agent)
    .bind(&client.ip_address)
    .bind(now)
    .bind(now + LIFETIME)
    .execute(db)
    .await
    .doing("trusting a device")
    .map(|_| ())
}

/// Uses a device, if it is trusted for this user. What the browser has is used up; `next`
/// takes its place. So of two browsers with one cookie, one comes in.
pub async fn rotate(
    db: impl PgExecutor<'_>,
    user: &UserId,
    (presented, next): (&DeviceToken, &DeviceToken),
    client: &ClientInfo,
    now: Timestamp,
) -> Result<bool, Fault> {
    let rotated = sqlx::query(
        "UPDATE trusted_device SET digest = $3, user_agent = $4, ip_address = $5, last_used_at = $6, \
                expires_at = $7 \
          WHERE digest = $2 AND user_id = $1 AND expires_at > $6",
    )
    .bind(user)
    .bind(presented.digest().as_bytes())
    .bind(next.digest().as_bytes())
    .bind(&client.user_agent)
    .bind(&client.ip_address)
    .bind(now)
    .bind(now + LIFETIME)
    .execute(db)
    .await
    .doing("rotating a trusted device")?;
    Ok(rotated.rows_affected() == 1)
}

pub async fn list(
    db: impl PgExecutor<'_>,
    user: &UserId,
    now: Timestamp,
) -> Result<Vec<TrustedDevice>, Fault> {
    sqlx::query_as(
        "SELECT id, user_agent, ip_address, created_at, last_used_at, expires_at FROM trusted_device \
          WHERE user_id = $1 AND expires_at > $2 ORDER BY last_used_at DESC, id LIMIT 100",
    )
    .bind(user)
    .bind(now)
    .fetch_all(db)
    .await
    .doing("listing trusted devices")
}

/// One of the user's own.
pub async fn delete(db: impl PgExecutor<'_>, user: &UserId, id: &str) -> Result<(), Fault> {
    let deleted = sqlx::query("DELETE FROM trusted_device WHERE user_id = $1 AND id = $2")
        .bind(user)
        .bind(id);
    deleted.execute(db).await.doing("forgetting a trusted device").map(|_| ())
}

pub async fn delete_of_user(db: impl PgExecutor<'_>, user: &UserId) -> Result<(), Fault> {
    let deleted =
        sqlx::query("DELETE FROM trusted_device WHERE user_id = $1").bind(user).execute(db).await;
    deleted.doing("forgetting trusted devices").map(|_| ())
}
