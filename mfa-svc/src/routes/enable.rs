//! `POST /api/auth/two-factor/enable` (contract 6.4)

use auth_types::Timestamp;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{Refusal, mail::FactorChange, mfa::Method, schema::Refused};
use http::HeaderMap;
use secrecy::SecretString;
use serde::Serialize;
use service_kit::{Answered, Current, Error, Now, While, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    changes::{self, Change},
    model::{
        backup_code, email_code,
        otpauth::{self, DEFAULT_ISSUER, ISSUER_MAX_CHARS},
        totp::TotpSecret,
    },
    passwords,
    store::{
        backup_codes,
        two_factors::{self, Existing},
    },
};

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct Enable {
    password: String,
    /// `totp` without it.
    #[schema(nullable = false)]
    method: Option<Method>,
    /// What an authenticator app calls us.
    #[schema(nullable = false)]
    issuer: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Enabled {
    method: Method,
    /// For an authenticator app; with `totp` only.
    #[serde(rename = "totpURI", skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    totp_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    backup_codes: Option<Vec<String>>,
}

struct Asked {
    password: SecretString,
    method: Method,
    issuer: Option<String>,
}

/// Turns a second factor on. An authenticator app counts when it has given its first code.
#[utoipa::path(
    post, path = "/api/auth/two-factor/enable", tag = "two-factor", operation_id = "enableTwoFactor",
    request_body = Enable,
    responses((status = OK, description = "Begun with `totp`, done with `otp`", body = Enabled), Refused)
)]
pub async fn enable(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let Asked { password, method, issuer } = read(body)?;
    let current = app.own_session(&headers, now).await?;
    if let Err(error) = may_enrol(&app, &current, password, now).await {
        return Err(WithCookies(current.cookies, error));
    }
    match method {
        Method::Totp => {
            let issuer = issuer.unwrap_or_else(|| DEFAULT_ISSUER.to_owned());
            let enrolment = begin_enrolment(&app, &current, &issuer, now).await;
            current.answer(enrolment.map(Json))
        }
        Method::Otp => enable_email_codes(&app, current, &headers).await,
    }
}

fn read(body: JsonBody) -> Result<Asked, Error> {
    let fields = body.fields()?;
    let password = fields.string("password");
    let method = fields.optional_choice("method", &[("otp", Method::Otp), ("totp", Method::Totp)]);
    let issuer = fields.optional_string("issuer").flatten().filter(|issuer| !issuer.is_empty());
    if issuer.as_ref().is_some_and(|issuer| issuer.chars().count() > ISSUER_MAX_CHARS) {
        fields.note(
            "issuer",
            &format!("Too big: expected string to have <={ISSUER_MAX_CHARS} characters"),
        );
    }
    fields.finish()?;
    let method = method.flatten().unwrap_or(Method::Totp);
    Ok(Asked { password: password.unwrap_or_default().into(), method, issuer })
}

async fn may_enrol(
    app: &App,
    current: &Current,
    password: SecretString,
    now: Timestamp,
) -> Result<(), Error> {
    passwords::check(app, current, password, now).await?;
    let user = &current.live.user;
    let verified = two_factors::find(&app.db, &user.id).await?.is_some_and(|app| app.verified);
    if verified && user.two_factor_enabled {
        Err(Refusal::TotpAlreadyEnabled.into())
    } else {
        Ok(())
    }
}

/// Nothing counts yet: neither the app nor its backup codes, until a code was given.
async fn begin_enrolment(
    app: &App,
    current: &Current,
    issuer: &str,
    now: Timestamp,
) -> Result<Enabled, Error> {
    let user = &current.live.user;
    let secret = TotpSecret::generate(&mut rand::rng());
    let sealed = app.sealer.seal(&user.id, &secret, &mut rand::rng());
    let codes = backup_code::generate(&mut rand::rng());
    let digests: Vec<_> = codes.iter().map(|code| app.codes.of(user.id.as_str(), code)).collect();
    let existing = if user.two_factor_enabled { Existing::KeepVerified } else { Existing::Replace };

    let mut tx = app.db.begin().await.doing("starting an enrolment")?;
    if !two_factors::enrol(&mut *tx, &user.id, (&sealed, issuer), existing, now).await? {
        return Err(Refusal::TotpAlreadyEnabled.into());
    }
    backup_codes::replace(&mut tx, &user.id, &digests).await?;
    tx.commit().await.doing("beginning an enrolment")?;
    let uri = otpauth::uri(&secret, issuer, user.email.as_str());
    Ok(Enabled { method: Method::Totp, totp_uri: Some(uri), backup_codes: Some(codes) })
}

/// Counts from now on: the user's address needs no enrolment.
async fn enable_email_codes(
    app: &App,
    current: Current,
    headers: &HeaderMap,
) -> Answered<Json<Enabled>> {
    let opened = async {
        if !email_code::may_be_sent(&current.live.user, app.deployment.production) {
            return Err(Refusal::OtpNotConfigured.into());
        }
        let mut tx = app.db.begin().await.doing("starting to enable codes by mail")?;
        let change = Change::make(&mut tx, &current, FactorChange::EmailCodesEnabled).await?;
        tx.commit().await.doing("enabling codes by mail")?;
        let user = change.keep(app).await?;
        changes::rotate(app, &current, user).await
    };
    match opened.await {
        Ok(opened) => {
            let cookies = app.deployment.cookies.rotated_session(&opened, headers);
            let enabled = Enabled { method: Method::Otp, totp_uri: None, backup_codes: None };
            Ok(WithCookies(cookies, Json(enabled)))
        }
        Err(error) => Err(WithCookies(current.cookies, error)),
    }
}
