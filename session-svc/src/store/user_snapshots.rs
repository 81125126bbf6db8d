//! Table `session.user_snapshot`.

use auth_types::UserId;
use contract::user::{User, UserSnapshot};
use service_kit::{Fault, While};
use sqlx::{PgConnection, types::Json};

use crate::model::opening::KnownUser;

/// Stores the snapshot unless a newer one is there, and gives back what is known
/// afterwards. The user's row stays locked until the transaction ends, so that a
/// session that opens and a change that ends sessions take turns.
pub async fn learn(tx: &mut PgConnection, heard: &UserSnapshot) -> Result<KnownUser, Fault> {
    sqlx::query(
        "INSERT INTO user_snapshot AS known (user_id, version, snapshot) VALUES ($1, $2, $3) \
         ON CONFLICT (user_id) DO UPDATE SET version = excluded.version, snapshot = excluded.snapshot \
          WHERE excluded.version > known.version",
    )
    .bind(&heard.user.id)
    .bind(heard.version)
    .bind(Json(&heard.user))
    .execute(&mut *tx)
    .await
    .doing("storing a user's snapshot")?;
    find(tx, &heard.user.id).await
}

/// From now on no session opens on the word of a version before `version`.
pub async fn open_from(tx: &mut PgConnection, user: &UserId, version: i64) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE user_snapshot SET opens_from_version = greatest(opens_from_version, $2) WHERE user_id = $1",
    )
    .bind(user)
    .bind(version)
    .execute(tx)
    .await
    .doing("raising the version that opens sessions")
    .map(|_| ())
}

/// Nothing personal is left of a user who is gone, but the version from which
/// sessions open, so that a late word of them opens none.
pub async fn forget_person(tx: &mut PgConnection, user: &UserId) -> Result<(), Fault> {
    sqlx::query(
        "UPDATE user_snapshot SET snapshot = snapshot || '{\"name\":\"\",\"email\":\"\",\"image\":null}' \
          WHERE user_id = $1",
    )
    .bind(user)
    .execute(tx)
    .await
    .doing("forgetting a user who is gone")
    .map(|_| ())
}

async fn find(tx: &mut PgConnection, user: &UserId) -> Result<KnownUser, Fault> {
    let row: (i64, i64, Json<User>) = sqlx::query_as(
        "SELECT version, opens_from_version, snapshot FROM user_snapshot WHERE user_id = $1",
    )
    .bind(user)
    .fetch_one(tx)
    .await
    .doing("reading a user's snapshot")?;
    let (version, opens_from_version, Json(user)) = row;
    Ok(KnownUser { snapshot: UserSnapshot { version, user }, opens_from_version })
}
