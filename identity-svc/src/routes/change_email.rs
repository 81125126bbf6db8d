//! From one address to another (contract 4.8, 4.13).
//!
//! ```text
//! POST /change-email ──verified──▶ mail to the old address ──link──▶ mail to the new one
//!                    └─unverified─▶ mail to the new address ──link──▶ changed, old one told
//! ```
//!
//! Both links are `GET /verify-email` and need no session; but where there is one
//! it must be the user's. A new request kills the links of the one before.

use auth_types::{Email, Timestamp};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    Refusal,
    mail::Template,
    schema::{Refused, Status},
    user::UserSnapshot,
};
use http::HeaderMap;
use serde_json::{Value, json};
use service_kit::{Answered, Current, Error, Now, While, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    mail_requests,
    model::{
        link,
        mail_request::MailRequest,
        one_time_token::{OneTimeToken, Purpose},
        verification::{Claims, RequestType},
    },
    promises::{self, SessionPromise},
    routes::redirect::Followed,
    store::{users, verifications},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct ChangeEmail {
    #[schema(format = "email")]
    new_email: String,
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
}

/// Asks for another address. A link is mailed, to the old address first where that is verified.
///
/// Whether anybody has the new address already shows neither in the answer nor in
/// the time it takes: that is looked into afterwards.
#[utoipa::path(
    post, path = "/api/auth/change-email", tag = "account", operation_id = "changeEmail",
    request_body = ChangeEmail,
    responses((status = OK, description = "A mail is on its way", body = Status), Refused)
)]
pub async fn change_email(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let new_email = fields.email("newEmail");
    let callback = fields.optional_string("callbackURL");
    fields.finish()?;
    let (Some(new_email), Some(callback)) = (new_email, callback) else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let current = app.current(&headers, now).await?;
    current.require_own()?;
    let outcome = request(&app, &current, new_email, callback).await;
    current.answer(outcome)
}

async fn request(
    app: &App,
    current: &Current,
    new_email: Email,
    callback: Option<String>,
) -> Result<Json<Status>, Error> {
    if !app.change_email {
        return Err(Refusal::ChangeEmailDisabled.into());
    }
    let user = &current.live.user;
    if user.email == new_email {
        return Err(Error::Message("Email is the same".to_owned()));
    }
    let callback = callback.filter(|callback| !callback.is_empty());
    let (user_id, email) = (user.id.clone(), user.email.clone());
    mail_requests::note(app, &MailRequest::ChangeEmail { user_id, email, new_email, callback })
        .await?;
    Ok(Json(Status::DONE))
}

/// A link about a change was followed.
pub async fn follow(
    app: &App,
    headers: &HeaderMap,
    followed: &Followed,
    claims: Claims,
    now: Timestamp,
) -> Answered<Value> {
    let Some(new_email) = claims.update_to.clone().filter(|_| app.change_email) else {
        return Err(Refusal::InvalidToken.into());
    };
    let cookies = &app.deployment.cookies;
    let (mut current, clears) = Current::find_any(&app.bus, cookies, headers, now).await?;
    if let Some(current) = &mut current {
        if current.live.user.id != claims.user_id {
            return Err(WithCookies(current.cookies.clone(), Refusal::InvalidUser.into()));
        }
        current.require_own()?;
    }
    let outcome = match claims.request_type {
        Some(RequestType::ConfirmChange) => confirm(app, followed, claims, new_email, now).await,
        Some(RequestType::VerifyChange) => verify(app, followed, &claims, &new_email, now).await,
        None => follow_legacy(app, followed, &claims, &new_email, now).await,
    };
    let changed = outcome.as_ref().is_ok_and(|body| body.get("user").is_some());
    match current {
        None => outcome
            .map(|body| WithCookies(clears.clone(), body))
            .map_err(|error| WithCookies(clears, error)),
        Some(mut current) => {
            if changed {
                current.reissue(cookies, headers);
            }
            current.answer(outcome)
        }
    }
}

/// The old address agrees, so the new one is asked; once, however often the link is
/// followed: mail scanners do it too.
async fn confirm(
    app: &App,
    followed: &Followed,
    claims: Claims,
    new_email: Email,
    now: Timestamp,
) -> Result<Value, Error> {
    let done = json!({ "status": true });
    let token = OneTimeToken::from_text(followed.token.clone());
    let user = users::find_by_id(&app.db, &claims.user_id).await?.ok_or(Refusal::UserNotFound)?;
    let mut tx = app.db.begin().await.doing("starting to confirm a change of address")?;
    let holder = verifications::find(&mut *tx, Purpose::ConfirmEmailChange, &token, now).await?;
    if holder.as_ref() != Some(&claims.user_id) {
        return Err(Refusal::InvalidToken.into());
    }
    if verifications::is_out(&mut *tx, Purpose::VerifyEmailChange, &claims.user_id, now).await? {
        return Ok(done);
    }
    let claims = claims.to_change(new_email.clone(), RequestType::VerifyChange, now);
    let token = claims.sign(&app.deployment.secrets).doing("signing a link to a new address")?;
    let url = link::verify_email(&app.deployment.api_origin, &token, followed.callback.as_deref());
    let token = OneTimeToken::from_text(token);
    verifications::replace(&mut *tx, Purpose::VerifyEmailChange, &token, &user.user, now).await?;
    let template = Template::ChangeEmailVerify { name: user.user.name.clone(), url };
    promises::mail_to(&mut *tx, &new_email, template).await?;
    tx.commit().await.doing("confirming a change of address")?;
    app.bell.ring();
    Ok(done)
}

/// The new address is theirs: it becomes the user's. If somebody else has taken it
/// meanwhile, the link is worth nothing.
async fn verify(
    app: &App,
    followed: &Followed,
    claims: &Claims,
    new_email: &Email,
    now: Timestamp,
) -> Result<Value, Error> {
    let token = OneTimeToken::from_text(followed.token.clone());
    let mut tx = app.db.begin().await.doing("starting to change an address")?;
    let (purpose, holder) = (Purpose::VerifyEmailChange, Some(&claims.user_id));
    verifications::consume(&mut *tx, purpose, &token, holder, now)
        .await?
        .ok_or(Refusal::InvalidToken)?;
    let change = (&claims.email, new_email);
    let changed = users::change_email(&mut *tx, &claims.user_id, change, now).await?;
    let changed = changed.ok_or(Refusal::InvalidToken)?;
    finish(app, tx, &claims.email, changed).await
}

/// A link that an older version of the original made, under the same secret. Only
/// the old address has proved anything, so the new one still has to.
async fn follow_legacy(
    app: &App,
    followed: &Followed,
    claims: &Claims,
    new_email: &Email,
    now: Timestamp,
) -> Result<Value, Error> {
    users::find_by_id(&app.db, &claims.user_id).await?.ok_or(Refusal::UserNotFound)?;
    let mut tx = app.db.begin().await.doing("starting to change an address")?;
    let change = (&claims.email, new_email);
    let changed = users::change_email(&mut *tx, &claims.user_id, change, now).await?;
    changed.ok_or(Refusal::InvalidToken)?;
    let changed = users::unverify_email(&mut *tx, &claims.user_id).await?;
    let proof = Claims::new(new_email.clone(), claims.user_id.clone(), now);
    let token = proof.sign(&app.deployment.secrets).doing("signing a verification link")?;
    let url = link::verify_email(&app.deployment.api_origin, &token, followed.callback.as_deref());
    let template = Template::VerifyEmail { name: changed.user.name.clone(), url };
    promises::mail(&mut *tx, &changed, template).await?;
    finish(app, tx, &claims.email, changed).await
}

/// Tells the old address, and every session.
async fn finish(
    app: &App,
    mut tx: sqlx::Transaction<'_, sqlx::Postgres>,
    old_email: &Email,
    changed: UserSnapshot,
) -> Result<Value, Error> {
    let body = json!({ "status": true, "user": changed.user });
    let (name, new_email) = (changed.user.name.clone(), changed.user.email.to_string());
    promises::mail_to(&mut *tx, old_email, Template::EmailChanged { name, new_email }).await?;
    let user_id = changed.user.id.clone();
    let promise = SessionPromise::user_changed(&mut *tx, changed).await?;
    tx.commit().await.doing("changing an address")?;
    tracing::info!(target: "security", { user.id = %user_id }, "an address was changed");
    app.bell.ring();
    promise.keep(app).await?;
    Ok(body)
}
