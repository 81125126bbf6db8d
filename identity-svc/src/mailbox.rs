//! What follows when somebody proves an address that nobody had proved before.
//!
//! Until then anybody could have signed up with it and waited for its owner. So whatever
//! was set up before (a password, identities, sessions, second factors) is dropped, but for
//! what the proof itself brought along or needs.

use auth_types::{AccountId, Timestamp, UserId};
use contract::{
    session::{RevokeReason, RevokeUser},
    user::UserSnapshot,
};
use service_kit::Fault;
use sqlx::PgConnection;

use crate::{
    promises::SessionPromise,
    store::{accounts, social_accounts, users, verifications},
};

/// The user as they are now, and the end of the sessions there were.
pub struct Proved {
    pub user: UserSnapshot,
    pub sessions_end: SessionPromise<RevokeUser>,
}

/// A provider has proved it: only the identity that says so stays.
pub async fn by_provider(
    tx: &mut PgConnection,
    user: &UserId,
    kept: &AccountId,
    now: Timestamp,
) -> Result<Proved, Fault> {
    accounts::delete_password(&mut *tx, user).await?;
    social_accounts::delete_others(&mut *tx, user, kept).await?;
    drop_the_rest(tx, user, now).await
}

/// A mail has proved it. The password stays: whoever signs up chooses one before the mail
/// is there.
pub async fn by_mail(
    tx: &mut PgConnection,
    user: &UserId,
    now: Timestamp,
) -> Result<Proved, Fault> {
    social_accounts::delete_unproved(&mut *tx, user).await?;
    drop_the_rest(tx, user, now).await
}

async fn drop_the_rest(
    tx: &mut PgConnection,
    user: &UserId,
    now: Timestamp,
) -> Result<Proved, Fault> {
    verifications::revoke_all(&mut *tx, user).await?;
    let user = users::prove_address(&mut *tx, user, now).await?;
    let reason = RevokeReason::MailboxProved;
    let sessions_end = SessionPromise::revoke_user(tx, user.clone(), reason).await?;
    tracing::info!(target: "security", { user.id = %user.user.id }, "an address was proved; what was set up before is dropped");
    Ok(Proved { user, sessions_end })
}
