//! `POST /api/auth/two-factor/verify-totp`, `/verify-otp`, `/verify-backup-code`
//! (contract 6.2, 6.4)

use std::convert::Infallible;

use auth_types::{DeviceToken, Timestamp, UserId};
use axum::{
    Json,
    extract::{FromRequestParts, State},
};
use contract::{
    cookies::Remember,
    mail::FactorChange,
    schema::Refused,
    session::{ClientInfo, Lifetime},
    user::User,
};
use http::{HeaderMap, request::Parts};
use serde::Serialize;
use service_kit::{
    Answered, Client, Current, Error, Now, While, WithCookies, body::JsonBody, bus::CallError,
};
use utoipa::ToSchema;

use crate::{
    app::App,
    changes::{self, Change},
    model::{factor::Factor, sign_in::Authenticated},
    prover::{HalfWay, Prover},
    proving::{self, Proven},
    sign_ins,
    store::{challenges, trusted_devices, two_factors},
    turns::Turn,
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct Code {
    code: String,
    /// Whether this browser is asked for no second factor from now on.
    #[schema(nullable = false)]
    trust_device: Option<bool>,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct BackupCode {
    code: String,
    /// Whether no session is to come of it.
    #[schema(nullable = false)]
    disable_session: Option<bool>,
    #[schema(nullable = false)]
    trust_device: Option<bool>,
}

#[derive(Serialize, ToSchema)]
pub struct FactorProved {
    /// Of the session; absent where none was wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    token: Option<String>,
    user: User,
}

/// What a request says besides the code.
struct Asked {
    code: String,
    trust_device: bool,
    /// The code is all that is wanted: no session comes of it.
    disable_session: bool,
}

/// What a request is made with.
pub struct Request {
    headers: HeaderMap,
    client: ClientInfo,
    now: Timestamp,
}

impl FromRequestParts<App> for Request {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Infallible> {
        let Now(now) = Now::from_request_parts(parts, app).await?;
        let Client(client) = Client::from_request_parts(parts, app).await?;
        Ok(Self { headers: parts.headers.clone(), client, now })
    }
}

/// A code from an authenticator app: completes a sign-in, or an enrolment.
#[utoipa::path(
    post, path = "/api/auth/two-factor/verify-totp", tag = "two-factor", operation_id = "verifyTotp",
    request_body = Code,
    responses((status = OK, description = "The code was right", body = FactorProved), Refused)
)]
pub async fn verify_totp(
    State(app): State<App>,
    request: Request,
    body: JsonBody,
) -> Answered<Json<FactorProved>> {
    verify(&app, Factor::Totp, body, &request).await
}

/// A code from a mail: completes a sign-in, or turns the factor on.
#[utoipa::path(
    post, path = "/api/auth/two-factor/verify-otp", tag = "two-factor", operation_id = "verifyTwoFactorOtp",
    request_body = Code,
    responses((status = OK, description = "The code was right", body = FactorProved), Refused)
)]
pub async fn verify_otp(
    State(app): State<App>,
    request: Request,
    body: JsonBody,
) -> Answered<Json<FactorProved>> {
    verify(&app, Factor::EmailCode, body, &request).await
}

/// A backup code: completes a sign-in, and is used up.
#[utoipa::path(
    post, path = "/api/auth/two-factor/verify-backup-code", tag = "two-factor", operation_id = "verifyBackupCode",
    request_body = BackupCode,
    responses((status = OK, description = "The code was right", body = FactorProved), Refused)
)]
pub async fn verify_backup_code(
    State(app): State<App>,
    request: Request,
    body: JsonBody,
) -> Answered<Json<FactorProved>> {
    verify(&app, Factor::BackupCode, body, &request).await
}

fn read(body: JsonBody, factor: Factor) -> Result<Asked, Error> {
    let fields = body.fields()?;
    let code = fields.string("code");
    let disable_session = match factor {
        Factor::BackupCode => fields.bool_or("disableSession", false),
        Factor::Totp | Factor::EmailCode => Some(false),
    };
    let trust_device = fields.bool_or("trustDevice", false);
    fields.finish()?;
    Ok(Asked {
        code: code.unwrap_or_default(),
        trust_device: trust_device == Some(true),
        disable_session: disable_session == Some(true),
    })
}

async fn verify(
    app: &App,
    factor: Factor,
    body: JsonBody,
    request: &Request,
) -> Answered<Json<FactorProved>> {
    let asked = read(body, factor)?;
    let _turn = turn(app, &request.headers).await;
    let prover = Prover::find(app, &request.headers, request.now).await?;
    let accepted = proving::prove(app, &prover, factor, &asked.code, request.now).await?;
    match prover {
        Prover::SignedIn(current) => in_session(app, *current, accepted, request).await,
        Prover::HalfWay(half_way) => {
            complete_sign_in(app, *half_way, accepted, &asked, request).await
        }
    }
}

/// Of those who guess for the same, whoever they are.
async fn turn(app: &App, headers: &HeaderMap) -> Option<Turn> {
    let cookies = &app.deployment.cookies;
    let session = cookies.session_token(headers).map(|token| token.digest());
    let whose = session.or_else(|| cookies.challenge(headers).map(|token| token.digest()))?;
    Some(app.turns.wait(whose).await)
}

fn body(token: &str, user: &User) -> Json<FactorProved> {
    Json(FactorProved { token: Some(token.to_owned()), user: user.clone() })
}

/// The challenge is used up either way; where the user may have no session (banned, or the
/// password is another one now), so is its cookie. An outage takes no cookie away.
fn not_opened(app: &App, error: CallError) -> WithCookies<Error> {
    let cookies = match &error {
        CallError::Refused(_) => vec![app.deployment.cookies.clear_challenge()],
        CallError::Broke(_) => Vec::new(),
    };
    WithCookies(cookies, error.into())
}

/// In a session a code proves that the factor works. The first one makes it count.
async fn in_session(
    app: &App,
    current: Current,
    proven: Proven,
    request: &Request,
) -> Answered<Json<FactorProved>> {
    let Some(change) = makes_count(&current.live.user, &proven) else {
        let committed = proven.tx.commit().await.doing("accepting a code").map_err(Error::from);
        let answer = committed.map(|()| body(current.token.expose(), &current.live.user));
        return current.answer(answer);
    };
    match count(app, &current, proven, change, request).await {
        Ok(answer) => Ok(answer),
        Err(error) => Err(WithCookies(current.cookies, error)),
    }
}

fn makes_count(user: &User, proven: &Proven) -> Option<FactorChange> {
    let on = user.two_factor_enabled;
    match (proven.factor, &proven.app) {
        (Factor::Totp, Some(app)) if !app.verified || !on => Some(FactorChange::TotpEnabled),
        (Factor::EmailCode, _) if !on => Some(FactorChange::EmailCodesEnabled),
        _ => None,
    }
}

/// A user whose sign-ins asked for a factor before keeps the session (contract 6.4).
async fn count(
    app: &App,
    current: &Current,
    mut proven: Proven,
    change: FactorChange,
    request: &Request,
) -> Result<WithCookies<Json<FactorProved>>, Error> {
    if change == FactorChange::TotpEnabled {
        two_factors::mark_verified(&mut *proven.tx, &current.live.user.id).await?;
    }
    let change = Change::make(&mut proven.tx, current, change).await?;
    proven.tx.commit().await.doing("completing an enrolment")?;
    let user = change.keep(app).await?;
    if current.live.user.two_factor_enabled {
        return Ok(WithCookies(current.cookies.clone(), body(current.token.expose(), &user.user)));
    }
    let opened = changes::rotate(app, current, user.clone()).await?;
    let cookies = app.deployment.cookies.rotated_session(&opened, &request.headers);
    Ok(WithCookies(cookies, body(opened.token.expose(), &user.user)))
}

/// The factor that was owed has been given: the sign-in goes on where the first one left
/// it, on the word of the user as they were then.
async fn complete_sign_in(
    app: &App,
    half_way: HalfWay,
    proven: Proven,
    asked: &Asked,
    request: &Request,
) -> Answered<Json<FactorProved>> {
    let HalfWay { challenge, user } = half_way;
    let Proven { mut tx, factor, .. } = proven;
    if asked.disable_session {
        tx.commit().await.doing("accepting a code")?;
        return Ok(WithCookies(Vec::new(), Json(FactorProved { token: None, user: user.user })));
    }
    challenges::consume(&mut *tx, challenge.digest).await?;
    let device =
        if asked.trust_device { Some(DeviceToken::generate(&mut rand::rng())) } else { None };
    if let Some(device) = &device {
        trusted_devices::insert(&mut *tx, &user.user.id, device, &request.client, request.now)
            .await?;
    }
    tx.commit().await.doing("completing a sign-in")?;

    let lifetime = challenge.lifetime;
    let client = request.client.clone();
    let authenticated = Authenticated::by_both(challenge.user, challenge.first, factor);
    let opened = sign_ins::open(app, authenticated, lifetime, client).await;
    let opened = opened.map_err(|error| not_opened(app, error))?;
    let remember = if lifetime == Lifetime::Standard { Remember::Yes } else { Remember::No };
    let had = app.deployment.cookies.dont_remember(&request.headers);
    let trusted: Option<(&UserId, &DeviceToken)> =
        device.as_ref().map(|device| (&user.user.id, device));
    let cookies = app.deployment.cookies.complete_challenge(&opened.token, remember, had, trusted);
    Ok(WithCookies(cookies, body(opened.token.expose(), &user.user)))
}
