//! Changes that admins make to users.
//!
//! They take turns: each is made in one transaction that holds the rows of all
//! admins, after a second look at whether the caller is still who they were when
//! their session was read. So of two admins who take the role from each other at
//! once, one remains. And each is answered only when the user's sessions show it,
//! or have ended.

use auth_types::{AccountId, Timestamp, UserId};
use contract::{
    Refusal,
    session::{RevokeReason, RevokeUser, UserChanged},
    user::{User, UserSnapshot},
};
use http::StatusCode;
use service_kit::{AdminCaller, Error, Fault, While};
use sqlx::{PgConnection, Postgres, Transaction};

use crate::{
    app::App,
    metrics::AdminAction,
    model::{
        password::PasswordHash,
        user_change::{self, Change},
    },
    promises::SessionPromise,
    store::{accounts, users, users_by_admin},
};

/// Codes that have another status here than elsewhere.
pub const NO_SUCH_USER: Error = Error::RefusedWith(StatusCode::NOT_FOUND, Refusal::UserNotFound);
pub const ADDRESS_TAKEN: Error = Error::RefusedWith(StatusCode::BAD_REQUEST, Refusal::UserExists);

/// What has to become of the user's sessions.
enum Promise {
    Show(SessionPromise<UserChanged>),
    End(SessionPromise<RevokeUser>),
}

impl Promise {
    async fn make(
        tx: &mut PgConnection,
        user: UserSnapshot,
        ends: Option<RevokeReason>,
    ) -> Result<Self, Fault> {
        Ok(match ends {
            None => Self::Show(SessionPromise::user_changed(tx, user).await?),
            Some(reason) => Self::End(SessionPromise::revoke_user(tx, user, reason).await?),
        })
    }

    async fn keep(self, app: &App) -> Result<(), Fault> {
        match self {
            Self::Show(promise) => promise.keep(app).await,
            Self::End(promise) => promise.keep(app).await,
        }
    }
}

/// Changes a user and gives back what they are then.
pub async fn change(
    app: &App,
    caller: &AdminCaller,
    action: AdminAction,
    target: &UserId,
    changes: Vec<Change>,
    now: Timestamp,
) -> Result<User, Error> {
    let mut tx = begin_turn(app, caller, now).await?;
    let before = users_by_admin::hold(&mut *tx, target).await?.ok_or(NO_SUCH_USER)?.user;
    let after = user_change::with(before.clone(), changes);
    if target == caller.id() {
        user_change::check_on_self(&before, &after)?;
    }
    let saved = users_by_admin::save(&mut *tx, &after, now).await?.ok_or(ADDRESS_TAKEN)?;
    let ends = user_change::ends_sessions(&before, &after, now);
    let promise = Promise::make(&mut tx, saved.clone(), ends).await?;
    tx.commit().await.doing("committing an admin's change")?;
    app.acted(caller, action, target.as_str());
    promise.keep(app).await?;
    Ok(saved.user)
}

/// Stores a new user; without a password they cannot sign in with one.
pub async fn create(
    app: &App,
    caller: &AdminCaller,
    user: User,
    hash: Option<&PasswordHash>,
) -> Result<User, Error> {
    let mut tx = begin_turn(app, caller, user.created_at).await?;
    let stored = users::insert(&mut *tx, &user).await?.ok_or(ADDRESS_TAKEN)?.user;
    if let Some(hash) = hash {
        let account = AccountId::mint(&mut rand::rng());
        accounts::set_password(&mut *tx, &account, &stored.id, hash, user.created_at).await?;
    }
    tx.commit().await.doing("committing a user whom an admin created")?;
    app.acted(caller, AdminAction::CreateUser, stored.id.as_str());
    Ok(stored)
}

/// Sets a user's password and ends their sessions.
pub async fn set_password(
    app: &App,
    caller: &AdminCaller,
    target: &UserId,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), Error> {
    let mut tx = begin_turn(app, caller, now).await?;
    users_by_admin::hold(&mut *tx, target).await?.ok_or(NO_SUCH_USER)?;
    let user = users::bump_version(&mut *tx, target, now).await?;
    let account = AccountId::mint(&mut rand::rng());
    accounts::set_password(&mut *tx, &account, target, hash, now).await?;
    let promise = Promise::make(&mut tx, user, Some(RevokeReason::PasswordSet)).await?;
    tx.commit().await.doing("committing a password that an admin set")?;
    app.acted(caller, AdminAction::SetUserPassword, target.as_str());
    Ok(promise.keep(app).await?)
}

/// Removes a user with everything that is theirs.
pub async fn remove(
    app: &App,
    caller: &AdminCaller,
    target: &UserId,
    now: Timestamp,
) -> Result<(), Error> {
    if target == caller.id() {
        return Err(Refusal::CannotRemoveSelf.into());
    }
    let mut tx = begin_turn(app, caller, now).await?;
    let removed = users::delete(&mut *tx, target).await?.ok_or(NO_SUCH_USER)?;
    let promise = Promise::make(&mut tx, removed, Some(RevokeReason::UserRemoved)).await?;
    tx.commit().await.doing("committing a removal")?;
    app.acted(caller, AdminAction::RemoveUser, target.as_str());
    Ok(promise.keep(app).await?)
}

/// Begins a transaction in which no other admin changes anything, for a caller who
/// still holds what they were let in for.
async fn begin_turn(
    app: &App,
    caller: &AdminCaller,
    now: Timestamp,
) -> Result<Transaction<'static, Postgres>, Error> {
    let mut tx = app.db.begin().await.doing("starting an admin's change")?;
    users::lock_admins(&mut *tx).await?;
    let own = users::find_by_id(&mut *tx, caller.id()).await?;
    let still = |own: &UserSnapshot| {
        caller.permission().is_held_by(&own.user.role) && !own.user.is_banned(now)
    };
    if own.as_ref().is_some_and(still) { Ok(tx) } else { Err(caller.permission().refusal().into()) }
}
