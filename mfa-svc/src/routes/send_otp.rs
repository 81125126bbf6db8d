//! `POST /api/auth/two-factor/send-otp` (contract 6.4)

use auth_types::Timestamp;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{Refusal, mail::Template, schema::Refused};
use http::HeaderMap;
use service_kit::{Answered, Error, Now, While, WithCookies, body::JsonBody};

use crate::{
    app::App,
    model::email_code::{self, MAIL_WINDOW, MAILS_MAX},
    promises,
    prover::Prover,
    routes::{Nothing, Status},
    store::{
        allowances::{self, Allowance},
        email_codes, guards,
    },
};

/// Of one user's, whoever asks and for what.
const MAILS: Allowance = Allowance { max: MAILS_MAX, window: MAIL_WINDOW };

/// Mails a code.
///
/// A new code takes the place of the last. It gives no attempts back.
#[utoipa::path(
    post, path = "/api/auth/two-factor/send-otp", tag = "two-factor", operation_id = "sendTwoFactorOtp",
    request_body = Nothing,
    responses((status = OK, description = "A mail is on its way", body = Status), Refused)
)]
pub async fn send_otp(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    _body: JsonBody,
) -> Answered<impl IntoResponse> {
    let prover = Prover::find(&app, &headers, now).await?;
    send(&app, &prover, now).await.map_err(|error| prover.refuse(error))?;
    let cookies = match prover {
        Prover::SignedIn(current) => current.cookies,
        Prover::HalfWay(_) => Vec::new(),
    };
    Ok(WithCookies(cookies, Json(Status::OK)))
}

async fn send(app: &App, prover: &Prover, now: Timestamp) -> Result<(), Error> {
    let user = prover.user().user;
    if !email_code::may_be_sent(&user, app.deployment.production) {
        return Err(Refusal::OtpNotConfigured.into());
    }
    // Who is locked out can do nothing with a code.
    guards::check(&app.db, &user.id, prover.door(), now).await?;
    let code = email_code::generate(&mut rand::rng());
    let scope = prover.scope();

    let mut tx = app.db.begin().await.doing("starting to send a code")?;
    if !allowances::take(&mut *tx, &format!("mails:{}", user.id), MAILS, now).await? {
        return Err(Refusal::TooManyCodes.into());
    }
    email_codes::put(&mut *tx, &scope, &user.id, &app.codes.of(scope.as_str(), &code), now).await?;
    let template = Template::TwoFactorCode { name: user.name.clone(), code };
    promises::mail(&mut *tx, &user, template).await?;
    tx.commit().await.doing("promising a code")?;
    app.bell.ring();
    app.metrics.codes_mailed.inc();
    Ok(())
}
