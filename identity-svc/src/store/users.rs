//! Table `identity.user`.

use auth_types::{Email, Roles, Timestamp, UserId};
use contract::{
    identity::SetTwoFactor,
    user::{User, UserSnapshot},
};
use service_kit::{Fault, While};
use sqlx::PgExecutor;

use crate::model::profile::{Image, ProfileChange};

/// Every column, in the order of `Row`.
macro_rules! columns {
    () => {
        "id, name, email, email_verified, image, role, banned, ban_reason, ban_expires, \
         two_factor_enabled, created_at, updated_at, version"
    };
}
pub(super) use columns;

/// A change of the user `$1` at `$2`, for [`apply`].
macro_rules! change {
    ($set:literal) => {
        concat!(
            "UPDATE identity.user SET ",
            $set,
            "updated_at = $2, version = version + 1 WHERE id = $1 RETURNING ",
            columns!()
        )
    };
}

#[derive(sqlx::FromRow)]
pub(super) struct Row {
    id: UserId,
    name: String,
    email: Email,
    email_verified: bool,
    image: Option<String>,
    role: Roles,
    banned: bool,
    ban_reason: Option<String>,
    ban_expires: Option<Timestamp>,
    two_factor_enabled: bool,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl From<Row> for UserSnapshot {
    fn from(row: Row) -> Self {
        let user = User {
            name: row.name,
            email: row.email,
            email_verified: row.email_verified,
            image: row.image,
            created_at: row.created_at,
            updated_at: row.updated_at,
            role: row.role,
            banned: row.banned,
            ban_reason: row.ban_reason,
            ban_expires: row.ban_expires,
            two_factor_enabled: row.two_factor_enabled,
            id: row.id,
        };
        Self { version: row.version, user }
    }
}

/// What set-up and its page want to know.
#[derive(Debug, Clone, Copy, sqlx::FromRow)]
pub struct Census {
    pub users: i64,
    pub has_admin: bool,
}

/// Stores a new user; nothing comes back when the address is taken.
pub async fn insert(db: impl PgExecutor<'_>, user: &User) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "INSERT INTO identity.user (id, name, email, email_verified, image, role, created_at, updated_at, \
                                    banned, ban_reason, ban_expires) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) ON CONFLICT (email) DO NOTHING RETURNING ",
        columns!()
    ))
    .bind(&user.id)
    .bind(&user.name)
    .bind(&user.email)
    .bind(user.email_verified)
    .bind(&user.image)
    .bind(&user.role)
    .bind(user.created_at)
    .bind(user.updated_at)
    .bind(user.banned)
    .bind(&user.ban_reason)
    .bind(user.ban_expires)
    .fetch_optional(db)
    .await
    .doing("storing a user")?;
    Ok(row.map(Into::into))
}

pub async fn find_by_email(
    db: impl PgExecutor<'_>,
    email: &Email,
) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM identity.user WHERE email = $1"))
            .bind(email)
            .fetch_optional(db)
            .await
            .doing("finding a user by address")?;
    Ok(row.map(Into::into))
}

pub async fn find_by_id(
    db: impl PgExecutor<'_>,
    id: &UserId,
) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> =
        sqlx::query_as(concat!("SELECT ", columns!(), " FROM identity.user WHERE id = $1"))
            .bind(id)
            .fetch_optional(db)
            .await
            .doing("finding a user by id")?;
    Ok(row.map(Into::into))
}

/// Makes those who change what belongs to the user take turns, until the
/// transaction ends.
pub async fn lock(db: impl PgExecutor<'_>, id: &UserId) -> Result<(), Fault> {
    let locking =
        sqlx::query("SELECT FROM identity.user WHERE id = $1 FOR UPDATE").bind(id).execute(db);
    locking.await.doing("locking a user").map(|_| ())
}

/// Changes what users may change of themselves; nothing comes back when there is
/// no such user.
pub async fn update_profile(
    db: impl PgExecutor<'_>,
    id: &UserId,
    change: &ProfileChange,
    now: Timestamp,
) -> Result<Option<UserSnapshot>, Fault> {
    let image = match &change.image {
        Image::Set(image) => Some(image),
        Image::Keep | Image::Remove => None,
    };
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE identity.user SET name = coalesce($2, name), \
                image = CASE WHEN $3 THEN image ELSE $4 END, \
                updated_at = $5, version = version + 1 \
          WHERE id = $1 RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(&change.name)
    .bind(change.image == Image::Keep)
    .bind(image)
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("changing a profile")?;
    Ok(row.map(Into::into))
}

/// Changes the address, if `from` is still the user's and `to` is nobody's.
/// Whether it counts as verified stays as it is.
pub async fn change_email(
    db: impl PgExecutor<'_>,
    id: &UserId,
    (from, to): (&Email, &Email),
    now: Timestamp,
) -> Result<Option<UserSnapshot>, Fault> {
    let row: Result<Option<Row>, sqlx::Error> = sqlx::query_as(concat!(
        "UPDATE identity.user SET email = $3, updated_at = $4, version = version + 1 \
          WHERE id = $1 AND email = $2 RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(from)
    .bind(to)
    .bind(now)
    .fetch_optional(db)
    .await;
    match row {
        Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(None),
        row => Ok(row.doing("changing an address")?.map(Into::into)),
    }
}

/// Takes the address for unproved.
pub async fn unverify_email(db: impl PgExecutor<'_>, id: &UserId) -> Result<UserSnapshot, Fault> {
    let row: Row = sqlx::query_as(concat!(
        "UPDATE identity.user SET email_verified = false, version = version + 1 WHERE id = $1 RETURNING ",
        columns!()
    ))
    .bind(id)
    .fetch_one(db)
    .await
    .doing("taking an address for unproved")?;
    Ok(row.into())
}

/// Deletes a user with their accounts and one-time tokens, and gives back what
/// they were, as a version after their last: so that what was begun on the word of
/// any version before comes to nothing.
pub async fn delete(db: impl PgExecutor<'_>, id: &UserId) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> =
        sqlx::query_as(concat!("DELETE FROM identity.user WHERE id = $1 RETURNING ", columns!()))
            .bind(id)
            .fetch_optional(db)
            .await
            .doing("deleting a user")?;
    Ok(row.map(|row| Row { version: row.version + 1, ..row }.into()))
}

/// The admins there are, without those who are banned. They stay as they are until
/// the transaction ends.
pub async fn lock_admins(db: impl PgExecutor<'_>) -> Result<Vec<UserId>, Fault> {
    sqlx::query_scalar(
        "SELECT id FROM identity.user \
          WHERE 'admin' = ANY (string_to_array(role, ',')) \
            AND NOT (banned AND (ban_expires IS NULL OR ban_expires > now())) \
          ORDER BY id FOR UPDATE",
    )
    .fetch_all(db)
    .await
    .doing("looking for admins")
}

/// Ends a ban whose time is over; nothing comes back where there was none.
pub async fn lift_expired_ban(
    db: impl PgExecutor<'_>,
    id: &UserId,
    now: Timestamp,
) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE identity.user SET banned = false, ban_reason = NULL, ban_expires = NULL, \
                updated_at = $2, version = version + 1 \
          WHERE id = $1 AND banned AND ban_expires <= $2 RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("lifting a ban")?;
    Ok(row.map(Into::into))
}

/// Marks the address as proved, if it is still the user's and was not before.
pub async fn verify_email(
    db: impl PgExecutor<'_>,
    id: &UserId,
    email: &Email,
    now: Timestamp,
) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE identity.user SET email_verified = true, updated_at = $3, version = version + 1 \
          WHERE id = $1 AND email = $2 AND NOT email_verified RETURNING ",
        columns!()
    ))
    .bind(id)
    .bind(email)
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("marking an address as verified")?;
    Ok(row.map(Into::into))
}

/// Somebody has proved an address that nobody had proved before: it is theirs now, and
/// the second factor of whoever was here before counts no more.
pub async fn prove_address(
    db: impl PgExecutor<'_>,
    id: &UserId,
    now: Timestamp,
) -> Result<UserSnapshot, Fault> {
    let change = change!("email_verified = true, two_factor_enabled = false, ");
    apply(db, change, id, now).await.doing("taking an address for proved")
}

/// The second factor of whoever was here before counts no more.
pub async fn drop_second_factor(
    db: impl PgExecutor<'_>,
    id: &UserId,
    now: Timestamp,
) -> Result<UserSnapshot, Fault> {
    let change = change!("two_factor_enabled = false, ");
    apply(db, change, id, now).await.doing("dropping a second factor")
}

/// Counts a change that is not in the row itself, such as a new password, so that
/// sessions can be told apart by what came before it.
pub async fn bump_version(
    db: impl PgExecutor<'_>,
    id: &UserId,
    now: Timestamp,
) -> Result<UserSnapshot, Fault> {
    apply(db, change!(""), id, now).await.doing("counting a change of a user")
}

async fn apply(
    db: impl PgExecutor<'_>,
    change: &'static str,
    id: &UserId,
    now: Timestamp,
) -> Result<UserSnapshot, sqlx::Error> {
    let row: Row = sqlx::query_as(change).bind(id).bind(now).fetch_one(db).await?;
    Ok(row.into())
}

/// Notes a change of the second factor, unless one that is as new or newer was noted
/// before.
pub async fn set_two_factor(
    db: impl PgExecutor<'_>,
    call: &SetTwoFactor,
    now: Timestamp,
) -> Result<Option<UserSnapshot>, Fault> {
    let row: Option<Row> = sqlx::query_as(concat!(
        "UPDATE identity.user SET two_factor_enabled = $2, two_factor_change = $3, \
                updated_at = $4, version = version + 1 \
          WHERE id = $1 AND (two_factor_change IS NULL OR two_factor_change < $3) RETURNING ",
        columns!()
    ))
    .bind(&call.user_id)
    .bind(call.enabled)
    .bind(call.change)
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("changing whether a user has a second factor")?;
    Ok(row.map(Into::into))
}

pub async fn census(db: impl PgExecutor<'_>) -> Result<Census, Fault> {
    sqlx::query_as(
        "SELECT count(*) AS users, \
                coalesce(bool_or('admin' = ANY (string_to_array(role, ','))), false) AS has_admin \
           FROM identity.user",
    )
    .fetch_one(db)
    .await
    .doing("counting users")
}

/// Whether there is any user at all.
pub async fn any(db: impl PgExecutor<'_>) -> Result<bool, Fault> {
    let any = sqlx::query_scalar("SELECT EXISTS (SELECT FROM identity.user)").fetch_one(db);
    any.await.doing("looking for a user")
}

/// Lets one transaction at a time decide on the first set-up.
pub async fn lock_setup(db: impl PgExecutor<'_>) -> Result<(), Fault> {
    const SETUP_LOCK: i64 = 0x5e7_0000_0001;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(SETUP_LOCK).execute(db);
    lock.await.doing("waiting for the set-up lock").map(|_| ())
}
