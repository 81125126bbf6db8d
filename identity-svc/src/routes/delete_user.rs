//! `POST /api/auth/delete-user` and the link it mails, `GET
//! /api/auth/delete-user/callback` (contract 4.15)
//!
//! Nobody is deleted without the mail: a session alone is not enough, nor is a
//! link without the session of its user. So a mail scanner deletes nobody.

use auth_types::Timestamp;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contract::{
    Refusal,
    mail::Template,
    schema::{Problem, Refused},
    session::RevokeReason,
    user::User,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use service_kit::{Answered, Current, Error, Now, Query, While, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::{
        link,
        one_time_token::{OneTimeToken, Purpose},
    },
    promises::{self, SessionPromise},
    routes::{
        password::check_own,
        redirect::{Followed, found},
    },
    store::{users, verifications},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct DeleteUser {
    #[schema(nullable = false)]
    password: Option<String>,
    /// From the link that was mailed. Without it, a link is mailed.
    #[schema(nullable = false)]
    token: Option<String>,
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Deletion {
    success: bool,
    message: &'static str,
}

const ASKED: Deletion = Deletion { success: true, message: "Verification email sent" };
const DELETED: Deletion = Deletion { success: true, message: "User deleted" };

struct Asked {
    password: Option<String>,
    token: Option<String>,
    callback: Option<String>,
}

/// Deletes the caller's account, after a link that is mailed.
#[utoipa::path(
    post, path = "/api/auth/delete-user", tag = "account", operation_id = "deleteUser",
    request_body = DeleteUser,
    responses(
        (status = OK, description = "A mail is on its way, or the account is gone", body = Deletion),
        (status = NOT_FOUND, description = "The token is not good; or accounts are not deleted here, then without a body"),
        Refused,
    )
)]
pub async fn delete_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body)?;
    let mut current = app.current(&headers, now).await?;
    current.require_own()?;
    let outcome = ask_or_delete(&app, &mut current, asked, now).await;
    current.answer(outcome)
}

/// An empty text is none.
fn read(body: JsonBody) -> Result<Asked, Error> {
    let fields = body.fields()?;
    let text = |name| fields.optional_string(name).flatten().filter(|text| !text.is_empty());
    let (password, token, callback) = (text("password"), text("token"), text("callbackURL"));
    fields.finish()?;
    Ok(Asked { password, token, callback })
}

async fn ask_or_delete(
    app: &App,
    current: &mut Current,
    asked: Asked,
    now: Timestamp,
) -> Result<Json<Deletion>, Error> {
    if !app.delete_user {
        return Err(Error::Empty(StatusCode::NOT_FOUND));
    }
    if let Some(password) = asked.password {
        check_own(app, &current.live.user.id, password.into(), now).await?;
    }
    match asked.token {
        Some(token) => delete(app, current, OneTimeToken::from_text(token), now).await,
        None => ask(app, &current.live.user, asked.callback.as_deref(), now).await,
    }
}

async fn ask(
    app: &App,
    user: &User,
    callback: Option<&str>,
    now: Timestamp,
) -> Result<Json<Deletion>, Error> {
    let token = OneTimeToken::to_delete_account(&mut rand::rng());
    let mut tx = app.db.begin().await.doing("starting to ask about a deletion")?;
    verifications::replace(&mut *tx, Purpose::DeleteAccount, &token, user, now).await?;
    let url = link::delete_user(&app.deployment.api_origin, &token, callback);
    let name = user.name.clone();
    promises::mail_to(&mut *tx, &user.email, Template::DeleteAccount { name, url }).await?;
    tx.commit().await.doing("asking about a deletion")?;
    app.bell.ring();
    Ok(Json(ASKED))
}

/// The mailed link: deletes the account of the caller whose link it is.
#[utoipa::path(
    get, path = "/api/auth/delete-user/callback", tag = "account", operation_id = "deleteUserCallback",
    params(
        ("token" = String, Query, description = "From the mail"),
        ("callbackURL" = Option<String>, Query, description = "Where to go then; relative, or of a trusted origin"),
    ),
    responses(
        (status = OK, description = "The account is gone", body = Deletion),
        (status = FOUND, description = "The account is gone", headers(("Location" = String, description = "`callbackURL`"))),
        (status = NOT_FOUND, description = "No session, a token that is not good, or accounts are not deleted here", body = Problem),
        Refused,
    )
)]
pub async fn follow_link(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    query: Query,
) -> Answered<Response> {
    let Followed { token, callback } = Followed::read(&app, query)?;
    if !app.delete_user {
        return Err(Refusal::NotFound.into());
    }
    let cookies = &app.deployment.cookies;
    let mut current = match Current::find_any(&app.bus, cookies, &headers, now).await? {
        (Some(current), _) => current,
        (None, clears) => {
            let refusal = Error::RefusedWith(StatusCode::NOT_FOUND, Refusal::FailedToGetUserInfo);
            return Err(WithCookies(clears, refusal));
        }
    };
    current.require_own()?;
    let deleted = delete(&app, &mut current, OneTimeToken::from_text(token), now).await;
    current.answer(deleted.map(|body| match callback {
        Some(callback) => found(&callback),
        None => body.into_response(),
    }))
}

/// Deletes the user with all that is theirs here, in one transaction with the
/// promise that every session of theirs ends.
async fn delete(
    app: &App,
    current: &mut Current,
    token: OneTimeToken,
    now: Timestamp,
) -> Result<Json<Deletion>, Error> {
    let user = &current.live.user.id;
    let mut tx = app.db.begin().await.doing("starting to delete a user")?;
    let admins = users::lock_admins(&mut *tx).await?;
    if admins.contains(user) && admins.len() == 1 {
        return Err(Refusal::LastAdmin.into());
    }
    let spent =
        verifications::consume(&mut *tx, Purpose::DeleteAccount, &token, Some(user), now).await?;
    let invalid = || Error::RefusedWith(StatusCode::NOT_FOUND, Refusal::InvalidToken);
    spent.ok_or_else(invalid)?;
    let deleted = users::delete(&mut *tx, user).await?.ok_or_else(invalid)?;
    let promise = SessionPromise::revoke_user(&mut tx, deleted, RevokeReason::UserDeleted).await?;
    tx.commit().await.doing("deleting a user")?;

    tracing::info!(target: "security", { user.id = %user }, "a user deleted their account");
    app.bell.ring();
    promise.keep(app).await?;
    current.cookies = app.deployment.cookies.clear_session().into();
    Ok(Json(DELETED))
}
