//! `POST /api/auth/two-factor/get-totp-uri` (contract 6.4), and a route of ours:
//! `GET /api/auth/two-factor/qr-code`, the same address as a picture.
//!
//! A picture is fetched by an `<img>`, which can give no password. So there is one only
//! right after the password was given: while an enrolment waits for its first code, for as
//! long as a sign-in may wait for one. From then on the password is asked for.

use auth_types::Timestamp;
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contract::{Refusal, schema::Refused};
use http::{HeaderMap, header};
use secrecy::SecretString;
use serde::Serialize;
use service_kit::{Answered, Current, Error, Fault, Now, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::{otpauth, qr},
    passwords,
    routes::{Password, password},
    store::{
        challenges,
        two_factors::{self, TwoFactor},
    },
};

#[derive(Serialize, ToSchema)]
pub struct TotpUri {
    #[serde(rename = "totpURI")]
    totp_uri: String,
}

/// The address that puts the caller's secret into an authenticator app.
#[utoipa::path(
    post, path = "/api/auth/two-factor/get-totp-uri", tag = "two-factor", operation_id = "getTotpUri",
    request_body = Password,
    responses((status = OK, description = "The address", body = TotpUri), Refused)
)]
pub async fn get_totp_uri(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let password = password(body)?;
    let current = app.own_session(&headers, now).await?;
    let answer = show(&app, &current, password, now).await;
    current.answer(answer.map(Json))
}

async fn show(
    app: &App,
    current: &Current,
    password: SecretString,
    now: Timestamp,
) -> Result<TotpUri, Error> {
    let found = two_factors::find(&app.db, &current.live.user.id).await?;
    let found = found.ok_or(Refusal::TotpNotEnabled)?;
    passwords::check(app, current, password, now).await?;
    Ok(TotpUri { totp_uri: uri(app, current, &found)? })
}

/// The same as a picture, while an enrolment waits for its first code.
#[utoipa::path(
    get, path = "/api/auth/two-factor/qr-code", tag = "two-factor", operation_id = "getQrCode",
    responses((status = OK, description = "A QR code", body = String, content_type = "image/svg+xml"), Refused)
)]
pub async fn qr_code(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<impl IntoResponse> {
    let current = app.own_session(&headers, now).await?;
    let answer = draw(&app, &current, now).await;
    current.answer(answer)
}

async fn draw(app: &App, current: &Current, now: Timestamp) -> Result<Response, Error> {
    let found = two_factors::find(&app.db, &current.live.user.id).await?;
    let waits =
        |found: &TwoFactor| !found.verified && now.since(found.created_at) < challenges::LIFETIME;
    let found = found.filter(waits).ok_or(Refusal::TotpNotEnabled)?;
    let svg = qr::svg(&uri(app, current, &found)?).doing("drawing a QR code")?;
    Ok(([(header::CONTENT_TYPE, "image/svg+xml")], svg).into_response())
}

fn uri(app: &App, current: &Current, found: &TwoFactor) -> Result<String, Fault> {
    let user = &current.live.user;
    let secret = app.sealer.open(&user.id, &found.secret).doing("opening a secret")?;
    Ok(otpauth::uri(&secret, &found.issuer, user.email.as_str()))
}
