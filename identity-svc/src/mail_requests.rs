//! Looking into what somebody asked us to write (`model/mail_request.rs`).
//!
//! A request is a row of the outbox like any promise, so it outlives a crash, and
//! whoever asks waits for one `INSERT` whatever the address.

use auth_types::{Email, Timestamp};
use contract::{mail::Template, user::UserSnapshot};
use service_kit::{
    Fault, While,
    outbox::{self, Delivery, Promise},
};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::{
    app::App,
    model::{
        link,
        mail_request::MailRequest,
        one_time_token::{OneTimeToken, Purpose},
        verification::{Claims, RequestType},
    },
    promises,
    store::{users, verifications},
};

/// Notes what is asked.
pub async fn note(app: &App, request: &MailRequest) -> Result<(), Fault> {
    outbox::promise(&app.db, Uuid::now_v7(), MailRequest::SUBJECT, request).await?;
    app.bell.ring();
    Ok(())
}

/// Writes the mail if there is one to write. Of two deliveries of one request, one
/// finds it.
pub async fn fulfil(app: App, promise: Promise) -> Result<Delivery, Fault> {
    let request: MailRequest =
        serde_json::from_value(promise.payload.0).doing("reading a mail request")?;
    let now = app.clock.now();
    let mut tx = app.db.begin().await.doing("starting to look into a mail request")?;
    if outbox::take(&mut *tx, promise.id).await? {
        look_into(&app, &mut tx, request, now).await?;
        verifications::purge_expired(&mut *tx, now).await?;
        tx.commit().await.doing("looking into a mail request")?;
        app.bell.ring();
    }
    Ok(Delivery::Closed)
}

async fn look_into(
    app: &App,
    tx: &mut PgConnection,
    request: MailRequest,
    now: Timestamp,
) -> Result<(), Fault> {
    match request {
        MailRequest::ResetPassword { email, redirect } => {
            match users::find_by_email(&mut *tx, &email).await? {
                Some(user) => reset_password(app, tx, &user, redirect.as_deref(), now).await,
                None => Ok(()),
            }
        }
        MailRequest::VerifyEmail { email, callback } => {
            match users::find_by_email(&mut *tx, &email).await? {
                Some(user) if !user.user.email_verified => {
                    verify_email(app, tx, &user, callback.as_deref(), now).await
                }
                _ => Ok(()),
            }
        }
        MailRequest::ChangeEmail { user_id, email, new_email, callback } => {
            let user = users::find_by_id(&mut *tx, &user_id)
                .await?
                .filter(|user| user.user.email == email);
            let taken = users::find_by_email(&mut *tx, &new_email).await?.is_some();
            match user {
                Some(user) if !taken => {
                    change_email(app, tx, &user, new_email, callback.as_deref(), now).await
                }
                _ => Ok(()),
            }
        }
    }
}

async fn reset_password(
    app: &App,
    tx: &mut PgConnection,
    user: &UserSnapshot,
    redirect: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    let token = OneTimeToken::to_reset_password(&mut rand::rng());
    verifications::replace(&mut *tx, Purpose::ResetPassword, &token, &user.user, now).await?;
    let url = link::reset_password(&app.deployment.api_origin, &token, redirect);
    let name = user.user.name.clone();
    promises::mail(tx, user, Template::ResetPassword { name, url }).await
}

async fn verify_email(
    app: &App,
    tx: &mut PgConnection,
    user: &UserSnapshot,
    callback: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    let claims = Claims::new(user.user.email.clone(), user.user.id.clone(), now);
    let token = claims.sign(&app.deployment.secrets).doing("signing a verification link")?;
    let url = link::verify_email(&app.deployment.api_origin, &token, callback);
    let name = user.user.name.clone();
    promises::mail(tx, user, Template::VerifyEmail { name, url }).await
}

/// Asks at the old address first, if that is known to be theirs. Links of an
/// earlier request are dead from here on, whichever address they went to.
async fn change_email(
    app: &App,
    tx: &mut PgConnection,
    user: &UserSnapshot,
    new_email: Email,
    callback: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    verifications::revoke(&mut *tx, Purpose::ConfirmEmailChange, &user.user.id).await?;
    verifications::revoke(&mut *tx, Purpose::VerifyEmailChange, &user.user.id).await?;
    let (request_type, purpose) = if user.user.email_verified {
        (RequestType::ConfirmChange, Purpose::ConfirmEmailChange)
    } else {
        (RequestType::VerifyChange, Purpose::VerifyEmailChange)
    };
    let claims = Claims::new(user.user.email.clone(), user.user.id.clone(), now);
    let token =
        claims.to_change(new_email.clone(), request_type, now).sign(&app.deployment.secrets);
    let token = token.doing("signing a link to a new address")?;
    let url = link::verify_email(&app.deployment.api_origin, &token, callback);
    let token = OneTimeToken::from_text(token);
    verifications::replace(&mut *tx, purpose, &token, &user.user, now).await?;
    let name = user.user.name.clone();
    match request_type {
        RequestType::ConfirmChange => {
            let template =
                Template::ChangeEmailConfirm { name, new_email: new_email.to_string(), url };
            promises::mail(tx, user, template).await
        }
        RequestType::VerifyChange => {
            promises::mail_to(tx, &new_email, Template::ChangeEmailVerify { name, url }).await
        }
    }
}
