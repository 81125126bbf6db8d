//! Table `identity.user`, as admins change it.

use auth_types::{Timestamp, UserId};
use contract::user::{User, UserSnapshot};
use service_kit::{Fault, While};
use sqlx::PgExecutor;
use uuid::Uuid;

use crate::store::users::{Row, columns};

/// A user whom nobody else changes until the transaction ends.
pub async fn hold(db: impl PgExecutor<'_>, id: &UserId) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "SELECT ",
        columns!(),
        " FROM identity.user WHERE id = $1 FOR UPDATE"
    ))
    .bind(id)
    .fetch_optional(db)
    .await
    .doing("holding a user")?;
    Ok(row.map(Into::into))
}

/// Writes a user back; nothing comes back when the address is another's. A second
/// factor that is taken away counts as the newest word on it, so that an older one of
/// mfa-svc's that is still on its way does not bring it back.
pub async fn save(
    db: impl PgExecutor<'_>,
    user: &User,
    now: Timestamp,
) -> Result<Option<UserSnapshot>, Fault> {
    let saved: Result<Row, _> = sqlx::query_as(concat!(
        "UPDATE identity.user SET name = $2, email = $3, email_verified = $4, image = $5, role = $6, \
                banned = $7, ban_reason = $8, ban_expires = $9, two_factor_enabled = $10, \
                two_factor_change = CASE WHEN two_factor_enabled AND NOT $10 THEN $12 ELSE two_factor_change END, \
                updated_at = $11, version = version + 1 \
          WHERE id = $1 RETURNING ",
        columns!()
    ))
    .bind(&user.id)
    .bind(&user.name)
    .bind(&user.email)
    .bind(user.email_verified)
    .bind(&user.image)
    .bind(&user.role)
    .bind(user.banned)
    .bind(&user.ban_reason)
    .bind(user.ban_expires)
    .bind(user.two_factor_enabled)
    .bind(now)
    .bind(Uuid::now_v7())
    .fetch_one(db)
    .await;
    match saved {
        Ok(row) => Ok(Some(row.into())),
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
        Err(error) => Err(error).doing("saving a user"),
    }
}
