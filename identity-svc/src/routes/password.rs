//! Passwords of who is signed in: `POST /api/auth/change-password` and
//! `/verify-password` (contract 4.10, 4.12)

use auth_types::{AccountId, Timestamp, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    Refusal,
    mail::Template,
    schema::{Refused, Status},
    session::{RevokeReason, RotateSession},
    user::{User, UserSnapshot},
};
use http::HeaderMap;
use secrecy::SecretString;
use serde::Serialize;
use service_kit::{Answered, Current, Error, Now, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    credentials,
    model::{
        brake::Lane,
        password::{self, NewPassword, PasswordHash},
    },
    promises::{self, SessionPromise},
    routes::sign_up::unfit,
    store::{accounts, users, verifications},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct ChangePassword {
    current_password: String,
    #[schema(min_length = 8)]
    new_password: String,
    /// Whether the caller's own session is replaced as well. The others end anyhow.
    #[schema(nullable = false)]
    revoke_other_sessions: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct PasswordChanged {
    /// Of the session that replaces the caller's own; `null` where that goes on.
    #[schema(required)]
    token: Option<String>,
    user: User,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct VerifyPassword {
    password: String,
}

struct Change {
    given: SecretString,
    new: String,
    /// Whether the caller's own session is to be replaced as well.
    renew: bool,
}

/// Replaces the caller's password.
///
/// All other sessions end, also where the caller did not ask for it: whoever
/// changes a password may have a reason. `revokeOtherSessions` only decides whether
/// the caller's own goes on or is replaced by a new one.
#[utoipa::path(
    post, path = "/api/auth/change-password", tag = "account", operation_id = "changePassword",
    request_body = ChangePassword,
    responses((status = OK, description = "Done", body = PasswordChanged), Refused)
)]
pub async fn change_password(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let (new, given) = (fields.string("newPassword"), fields.string("currentPassword"));
    let renew = fields.bool_or("revokeOtherSessions", false);
    fields.finish()?;
    let (Some(given), Some(new), Some(renew)) = (given, new, renew) else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let mut current = app.current(&headers, now).await?;
    current.require_own()?;
    let change = Change { given: given.into(), new, renew };
    let outcome = change_own(&app, &mut current, change, &headers, now).await;
    current.answer(outcome)
}

async fn change_own(
    app: &App,
    current: &mut Current,
    change: Change,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Json<PasswordChanged>, Error> {
    let new = NewPassword::check(change.new).map_err(unfit)?;
    check_own(app, &current.live.user.id, change.given, now).await?;
    let hash = app.passwords.hash(new).await?;
    let user = store(app, current, &hash, now).await?;
    if !change.renew {
        return Ok(Json(PasswordChanged { token: None, user: user.user }));
    }
    let renewed =
        app.bus.request(&RotateSession { user: user.clone(), from: current.digest() }).await?;
    current.token = renewed.token;
    current.reissue(&app.deployment.cookies, headers);
    Ok(Json(PasswordChanged { token: Some(current.token.expose().to_owned()), user: user.user }))
}

/// Stores the hash and ends the other sessions; no link that is out for this user is
/// good afterwards.
async fn store(
    app: &App,
    current: &Current,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<UserSnapshot, Error> {
    let mut tx = app.db.begin().await.doing("starting to change a password")?;
    let user = users::bump_version(&mut *tx, &current.live.user.id, now).await?;
    let account = AccountId::mint(&mut rand::rng());
    accounts::set_password(&mut *tx, &account, &user.user.id, hash, now).await?;
    verifications::revoke_all(&mut *tx, &user.user.id).await?;
    let name = user.user.name.clone();
    promises::mail(&mut *tx, &user, Template::PasswordChanged { name }).await?;
    let (reason, kept) = (RevokeReason::PasswordChanged, current.live.session.id.clone());
    let promise = SessionPromise::revoke_others(&mut tx, user.clone(), reason, kept).await?;
    tx.commit().await.doing("changing a password")?;

    tracing::info!(target: "security", { user.id = %user.user.id }, "a password was changed");
    app.bell.ring();
    promise.keep(app).await?;
    Ok(user)
}

/// Says whether this is the caller's password.
#[utoipa::path(
    post, path = "/api/auth/verify-password", tag = "account", operation_id = "verifyPassword",
    request_body = VerifyPassword,
    responses((status = OK, description = "It is", body = Status), Refused)
)]
pub async fn verify_password(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let given = fields.string("password");
    fields.finish()?;
    let given = SecretString::from(given.unwrap_or_default());
    let current = app.current(&headers, now).await?;
    let outcome = match check_own(&app, &current.live.user.id, given, now).await {
        Err(Error::Refused(Refusal::CredentialAccountNotFound)) => {
            Err(Refusal::InvalidPassword.into())
        }
        outcome => outcome.map(|()| Json(Status::DONE)),
    };
    current.answer(outcome)
}

/// Refuses unless this is the user's password.
pub async fn check_own(
    app: &App,
    user: &UserId,
    given: SecretString,
    now: Timestamp,
) -> Result<(), Error> {
    if !password::is_plausible(&given) {
        return Err(Refusal::PasswordTooLong.into());
    }
    let hash = accounts::find_password(&app.db, user).await?;
    let hash = hash.ok_or(Refusal::CredentialAccountNotFound)?;
    if credentials::check(app, Lane::of_session(user), given, Some(hash), now).await? {
        Ok(())
    } else {
        Err(Refusal::InvalidPassword.into())
    }
}
