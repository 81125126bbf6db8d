//! A forgotten password: `POST /api/auth/request-password-reset`,
//! `GET /api/auth/reset-password/:token`, `POST /api/auth/reset-password`
//! (contract 4.4 to 4.6)

use auth_types::{AccountId, Timestamp};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use contract::{
    Refusal,
    mail::Template,
    schema::{Refused, Status},
    session::RevokeReason,
};
use http::StatusCode;
use serde::Serialize;
use service_kit::{Error, Now, Query, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    mail_requests,
    model::{
        mail_request::MailRequest,
        one_time_token::{OneTimeToken, Purpose},
        password::{NewPassword, PasswordHash},
        redirect::{with_error, with_parameter},
    },
    promises::{self, SessionPromise},
    routes::{redirect::found, sign_up::unfit},
    store::{accounts, social_accounts, users, verifications},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct RequestReset {
    #[schema(format = "email")]
    email: String,
    /// The page that the mailed link leads to, with `token` or `error` in its query.
    #[schema(nullable = false)]
    redirect_to: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct ResetRequested {
    status: bool,
    message: &'static str,
}

const REQUESTED: ResetRequested = ResetRequested {
    status: true,
    message: "If this email exists in our system, check your email for the reset link",
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct ResetPassword {
    #[schema(min_length = 8)]
    new_password: String,
    /// May stand in the query instead.
    #[schema(nullable = false)]
    token: Option<String>,
}

/// Mails a link to whoever has forgotten their password.
///
/// The same answer for every address, after the same work.
#[utoipa::path(
    post, path = "/api/auth/request-password-reset", tag = "sign-in", operation_id = "requestPasswordReset",
    request_body = RequestReset,
    responses((status = OK, description = "Whether or not anybody has the address", body = ResetRequested), Refused)
)]
pub async fn request_password_reset(
    State(app): State<App>,
    body: JsonBody,
) -> Result<impl IntoResponse, Error> {
    let fields = body.fields()?;
    let email = fields.email("email");
    let redirect = fields.optional_string("redirectTo");
    fields.finish()?;
    let (Some(email), Some(redirect)) = (email, redirect) else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let redirect = redirect.filter(|redirect| !redirect.is_empty());
    mail_requests::note(&app, &MailRequest::ResetPassword { email, redirect }).await?;
    Ok(Json(REQUESTED))
}

/// The mailed link.
///
/// Leads from the mail to the panel's page. The token is looked at and not spent:
/// mail scanners come by here as well.
#[utoipa::path(
    get, path = "/api/auth/reset-password/{token}", tag = "sign-in", operation_id = "resetPasswordCallback",
    params(
        ("token" = String, Path, description = "From the mail"),
        ("callbackURL" = String, Query, description = "The panel's page; relative, or of a trusted origin"),
    ),
    responses(
        (status = FOUND, description = "To the panel's page, with `token` or `error`; without one, to the error page",
         headers(("Location" = String, description = "The page"))),
        (status = NOT_FOUND, description = "No token is written like this; the body is empty"),
        Refused,
    )
)]
pub async fn follow_link(
    State(app): State<App>,
    Now(now): Now,
    token: Result<Path<String>, PathRejection>,
    Query(fields): Query,
) -> Result<Response, Error> {
    // What is no text is no token either.
    let token = token.map(|Path(token)| token).unwrap_or_default();
    let callback = fields.string("callbackURL");
    fields.finish()?;
    let callback = callback.unwrap_or_default();
    let (api_origin, origins) = (&app.deployment.api_origin, &app.deployment.origins);
    if callback.is_empty() {
        let error_page = format!("{api_origin}/api/auth/error");
        return Ok(found(&with_error(&error_page, Refusal::InvalidToken)));
    }
    if !origins.allows_callback(&callback) {
        return Err(Refusal::InvalidCallbackUrl.into());
    }
    let given = OneTimeToken::from_text(token.clone());
    let is_good =
        verifications::find(&app.db, Purpose::ResetPassword, &given, now).await?.is_some();
    let parameter =
        if is_good { ("token", token.as_str()) } else { ("error", Refusal::InvalidToken.code()) };
    let target = with_parameter(&callback, parameter, api_origin, origins);
    target.map(|target| found(&target)).ok_or(Refusal::InvalidCallbackUrl.into())
}

/// Sets the password of whoever the token was mailed to, and ends their sessions.
#[utoipa::path(
    post, path = "/api/auth/reset-password", tag = "sign-in", operation_id = "resetPassword",
    params(("token" = Option<String>, Query, description = "If it is not in the body")),
    request_body = ResetPassword,
    responses((status = OK, description = "Done", body = Status), Refused)
)]
pub async fn reset_password(
    State(app): State<App>,
    Now(now): Now,
    Query(query): Query,
    body: JsonBody,
) -> Result<impl IntoResponse, Error> {
    let fields = body.fields()?;
    let password = fields.string("newPassword");
    let in_body = fields.optional_string("token");
    fields.finish()?;
    let in_query = query.optional_string("token");
    query.finish()?;
    let token = token(in_body.flatten(), in_query.flatten())?;
    let password = NewPassword::check(password.unwrap_or_default()).map_err(unfit)?;
    // Looked at before the work of hashing, so that guesses cost us little.
    if verifications::find(&app.db, Purpose::ResetPassword, &token, now).await?.is_none() {
        return Err(invalid_token());
    }
    let hash = app.passwords.hash(password).await?;
    reset(&app, &token, &hash, now).await?;
    Ok(Json(Status::DONE))
}

/// The token may stand in the body or in the query; two that differ are none.
fn token(in_body: Option<String>, in_query: Option<String>) -> Result<OneTimeToken, Error> {
    let token = match (in_body, in_query) {
        (Some(one), Some(other)) => Some(one).filter(|one| *one == other),
        (one, other) => one.or(other),
    };
    token.filter(|token| !token.is_empty()).map(OneTimeToken::from_text).ok_or_else(invalid_token)
}

fn invalid_token() -> Error {
    Error::RefusedWith(StatusCode::BAD_REQUEST, Refusal::InvalidToken)
}

/// Whoever was signed in before is not any more, and no other link that is out for
/// this user is good: they may all have been somebody else's doing.
async fn reset(
    app: &App,
    token: &OneTimeToken,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting a password reset")?;
    let holder = verifications::consume(&mut *tx, Purpose::ResetPassword, token, None, now).await?;
    let user_id = holder.ok_or_else(invalid_token)?;
    verifications::revoke_all(&mut *tx, &user_id).await?;
    // Who has the mail has the mailbox. An identity that did not prove as much may be
    // somebody else's, and then so are the factors and passkeys.
    let was_squatted = social_accounts::delete_unproved(&mut *tx, &user_id).await?;
    let (user, reason) = if was_squatted {
        let user = users::drop_second_factor(&mut *tx, &user_id, now).await?;
        (user, RevokeReason::MailboxProved)
    } else {
        (users::bump_version(&mut *tx, &user_id, now).await?, RevokeReason::PasswordReset)
    };
    let account = AccountId::mint(&mut rand::rng());
    accounts::set_password(&mut *tx, &account, &user_id, hash, now).await?;
    let name = user.user.name.clone();
    promises::mail(&mut *tx, &user, Template::PasswordChanged { name }).await?;
    let promise = SessionPromise::revoke_user(&mut tx, user, reason).await?;
    tx.commit().await.doing("committing a password reset")?;

    tracing::info!(target: "security", { user.id = %user_id }, "a password was reset by mail");
    app.bell.ring();
    Ok(promise.keep(app).await?)
}
