//! `POST /api/auth/send-verification-email` (contract 4.9)

use std::time::Duration;

use auth_types::Email;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    Refusal,
    schema::{Refused, Status},
};
use http::HeaderMap;
use service_kit::{Answered, Current, Error, Now, WithCookies, body::JsonBody};
use tokio::time::{Instant, sleep_until};
use utoipa::ToSchema;

use crate::{app::App, mail_requests, model::mail_request::MailRequest};

/// Without a session, no answer comes before this.
const AT_LEAST: Duration = Duration::from_millis(500);

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SendVerification {
    #[schema(format = "email")]
    email: String,
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
}

/// Mails a link that verifies an address.
///
/// Whoever is not signed in gets the same answer for any address. That a mail goes
/// out only to who exists and is not verified is found out afterwards.
#[utoipa::path(
    post, path = "/api/auth/send-verification-email", tag = "sign-in", operation_id = "sendVerificationEmail",
    request_body = SendVerification,
    responses((status = OK, description = "Done, if there is anything to verify", body = Status), Refused)
)]
pub async fn send_verification_email(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let began = Instant::now();
    let fields = body.fields()?;
    let email = fields.email("email");
    let callback = fields.optional_string("callbackURL");
    fields.finish()?;
    let (Some(email), Some(callback)) = (email, callback) else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let callback = callback.filter(|callback| !callback.is_empty());
    let sent = Json(Status::DONE);
    match Current::find_any(&app.bus, &app.deployment.cookies, &headers, now).await? {
        (Some(current), _) => {
            let outcome = send_own(&app, &current, email, callback).await;
            current.answer(outcome.map(|()| sent))
        }
        (None, clears) => {
            mail_requests::note(&app, &MailRequest::VerifyEmail { email, callback }).await?;
            sleep_until(began + AT_LEAST).await;
            Ok(WithCookies(clears, sent))
        }
    }
}

async fn send_own(
    app: &App,
    current: &Current,
    email: Email,
    callback: Option<String>,
) -> Result<(), Error> {
    let user = &current.live.user;
    if user.email != email {
        return Err(Refusal::EmailMismatch.into());
    }
    if user.email_verified {
        return Err(Refusal::EmailAlreadyVerified.into());
    }
    Ok(mail_requests::note(app, &MailRequest::VerifyEmail { email, callback }).await?)
}
