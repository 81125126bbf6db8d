//! `GET /api/auth/verify-email` (contract 4.8)
//!
//! One link proves that an address is somebody's; others, in `change_email.rs`,
//! lead from one address to another.

use auth_types::Timestamp;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contract::{Refusal, schema::Refused, user::User};
use http::HeaderMap;
use serde_json::{Value, json};
use service_kit::{Answered, Current, Error, Now, Query, While, WithCookies};
use utoipa::ToSchema;

use crate::{
    app::App,
    mailbox,
    model::{redirect::with_error, verification::Claims},
    promises::SessionPromise,
    routes::{
        change_email,
        redirect::{Followed, found},
    },
    store::{social_accounts, users},
};

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; two links have two bodies")]
pub struct Verified {
    status: bool,
    /// The user, where their address has changed.
    user: Option<User>,
}

/// The mailed link: proves that an address is somebody's.
///
/// A mail scanner that follows the link proves no more than the mailbox's owner
/// would; following it twice changes nothing the second time.
#[utoipa::path(
    get, path = "/api/auth/verify-email", tag = "sign-in", operation_id = "verifyEmail",
    params(
        ("token" = String, Query, description = "From the mail"),
        ("callbackURL" = Option<String>, Query, description = "Where to go then; relative, or of a trusted origin"),
    ),
    responses(
        (status = OK, description = "Done", body = Verified),
        (status = FOUND, description = "Done, or refused",
         headers(("Location" = String, description = "`callbackURL`, with `error` if refused"))),
        Refused,
    )
)]
pub async fn verify_email(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    query: Query,
) -> Answered<Response> {
    let followed = Followed::read(&app, query)?;
    match (follow(&app, &headers, &followed, now).await, followed.callback) {
        (Ok(WithCookies(cookies, _)), Some(callback)) => Ok(WithCookies(cookies, found(&callback))),
        (Ok(WithCookies(cookies, body)), None) => {
            Ok(WithCookies(cookies, Json(body).into_response()))
        }
        (Err(WithCookies(cookies, error)), Some(callback)) => match error {
            Error::Refused(refusal) => {
                Ok(WithCookies(cookies, found(&with_error(&callback, refusal))))
            }
            error => Err(WithCookies(cookies, error)),
        },
        (Err(refused), None) => Err(refused),
    }
}

/// Does what the link is for; the body is for who gave no callback.
async fn follow(
    app: &App,
    headers: &HeaderMap,
    followed: &Followed,
    now: Timestamp,
) -> Answered<Value> {
    let claims = Claims::read(&followed.token, &app.deployment.secrets, now)?;
    if claims.update_to.is_some() {
        return change_email::follow(app, headers, followed, claims, now).await;
    }
    verify(app, headers, &claims, now).await?;
    Ok(WithCookies(Vec::new(), json!({ "status": true, "user": null })))
}

async fn verify(
    app: &App,
    headers: &HeaderMap,
    claims: &Claims,
    now: Timestamp,
) -> Result<(), Error> {
    let user = users::find_by_email(&app.db, &claims.email).await?.ok_or(Refusal::UserNotFound)?;
    if user.user.id != claims.user_id {
        return Err(Refusal::InvalidToken.into());
    }
    let is_squatted = is_squatted(app, headers, &user.user, now).await?;
    let mut tx = app.db.begin().await.doing("starting to verify an address")?;
    let verified = users::verify_email(&mut *tx, &claims.user_id, &claims.email, now).await?;
    let Some(verified) = verified else { return Ok(()) };
    if is_squatted {
        let proved = mailbox::by_mail(&mut tx, &claims.user_id, now).await?;
        tx.commit().await.doing("verifying an address")?;
        app.bell.ring();
        return Ok(proved.sessions_end.keep(app).await?);
    }
    social_accounts::mark_proved(&mut *tx, &claims.user_id).await?;
    let promise = SessionPromise::user_changed(&mut *tx, verified).await?;
    tx.commit().await.doing("verifying an address")?;
    tracing::info!(user.id = %claims.user_id, "an address was verified");
    Ok(promise.keep(app).await?)
}

/// Whether somebody has set up more than a password under this address, by an identity that
/// did not prove it or with a second factor, and whoever follows the link does not show to
/// be them.
async fn is_squatted(
    app: &App,
    headers: &HeaderMap,
    user: &User,
    now: Timestamp,
) -> Result<bool, Error> {
    let is_set_up =
        user.two_factor_enabled || social_accounts::any_unproved(&app.db, &user.id).await?;
    if user.email_verified || !is_set_up {
        return Ok(false);
    }
    let (current, _) = Current::find_any(&app.bus, &app.deployment.cookies, headers, now).await?;
    Ok(current.is_none_or(|current| current.live.user.id != user.id))
}
