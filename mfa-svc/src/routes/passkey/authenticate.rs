//! `GET /api/auth/passkey/generate-authenticate-options`, `POST …/verify-authentication`
//! (contract 7.4, 7.5)

use auth_types::{CeremonyToken, Timestamp, UserId};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{
    Refusal,
    cookies::PresentedDevice,
    identity::GetUser,
    mfa::{FactorAsked, FactorOwed},
    schema::{Refused, SessionAndUser},
    session::{ClientInfo, Lifetime, RevokeSession},
    user::{User, UserSnapshot},
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use service_kit::{Answered, Client, Current, Error, Now, While, WithCookies, body::JsonBody};
use utoipa::ToSchema;
use webauthn_rs_core::proto::AuthenticationState;

use crate::{
    app::App,
    metrics::{Ceremony, Outcome},
    model::{
        passkey::Passkey,
        sign_in::PasskeyAccepted,
        webauthn::{
            Rejected, credential_id,
            relying_party::{Assertion, HandleRule},
        },
    },
    routes::passkey::{CredentialDescriptor, consume, timeout_millis},
    sign_ins::{self, SignedIn},
    store::{
        ceremonies::{self, Kind},
        passkeys,
    },
};

/// Options of an authentication (WebAuthn 3, 5.5), for `navigator.credentials.get()`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticateOptions {
    rp_id: String,
    challenge: String,
    timeout: u64,
    user_verification: &'static str,
    /// Those of the caller, who is signed in and has some.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    allow_credentials: Option<Vec<CredentialDescriptor>>,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct VerifyAuthentication {
    /// `AuthenticationResponseJSON` (WebAuthn 3, 5.1).
    #[schema(value_type = Object)]
    response: Value,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum PasskeyAnswer<'a> {
    SignedIn(SessionAndUser<'a>),
    /// The passkey was right, but did not say who holds it.
    FactorAsked(FactorAsked),
}

/// Begins a sign-in with a passkey. No one has to say who they are.
#[utoipa::path(
    get, path = "/api/auth/passkey/generate-authenticate-options", tag = "passkey",
    operation_id = "generatePasskeyAuthenticationOptions",
    responses((status = OK, description = "Options for the browser", body = AuthenticateOptions), Refused)
)]
pub async fn generate_authenticate_options(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<Json<AuthenticateOptions>> {
    let deployment = &app.deployment;
    let (current, clears) = Current::find_any(&app.bus, &deployment.cookies, &headers, now).await?;
    let user = current.as_ref().map(|current| &current.live.user.id);
    let begun = begin(&app, user, now).await;
    let mut cookies = current.map_or(clears, |current| current.cookies);
    match begun {
        Ok((ceremony, options)) => {
            cookies.push(deployment.cookies.start_ceremony(&ceremony));
            Ok(WithCookies(cookies, Json(options)))
        }
        Err(error) => Err(WithCookies(cookies, error)),
    }
}

async fn begin(
    app: &App,
    user: Option<&UserId>,
    now: Timestamp,
) -> Result<(CeremonyToken, AuthenticateOptions), Error> {
    let known = match user {
        Some(user) => passkeys::list(&app.db, user).await?,
        None => Vec::new(),
    };
    let begun = app.relying_party.begin_authentication();
    let begun = begun.doing("beginning an authentication")?;
    let token = CeremonyToken::generate(&mut rand::rng());
    // Whoever's credentials are asked for, it is they who sign in.
    let owner = user.filter(|_| !known.is_empty());
    let kind = Kind::Authentication;
    ceremonies::insert(&app.db, &token, kind, owner, &begun.state, now).await?;
    let allowed: Vec<_> = known.iter().map(CredentialDescriptor::of).collect();
    let options = AuthenticateOptions {
        rp_id: app.relying_party.id().to_owned(),
        challenge: BASE64_URL_SAFE_NO_PAD.encode(begun.challenge),
        timeout: timeout_millis(),
        user_verification: "preferred",
        allow_credentials: (!allowed.is_empty()).then_some(allowed),
    };
    Ok((token, options))
}

/// Signs in with a passkey.
///
/// A passkey that has verified its user spares the second factor. One that has not is one
/// factor; a user with two then still owes the other, as after a password.
#[utoipa::path(
    post, path = "/api/auth/passkey/verify-authentication", tag = "passkey",
    operation_id = "verifyPasskeyAuthentication",
    request_body = VerifyAuthentication,
    responses((status = OK, description = "Signed in, or half way", body = PasskeyAnswer), Refused)
)]
pub async fn verify_authentication(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Response> {
    let fields = body.fields()?;
    let response = fields.record("response");
    fields.finish()?;
    let response = Value::Object(response.unwrap_or_default());
    let outcome = sign_in(&app, &response, &headers, client, now).await;
    app.metrics.ceremony(Ceremony::Authentication, Outcome::of(&outcome));
    let (user, signed_in) = outcome?;
    let cookies = &app.deployment.cookies;
    let had = cookies.dont_remember(&headers);
    match signed_in {
        SignedIn::As { opened, device } => {
            let mut lines = cookies.set_session(&opened.token, had, had);
            lines.extend(device.map(|device| cookies.trust_device(&user.id, &device)));
            let session = opened.session.view(opened.token.expose());
            let answer = PasskeyAnswer::SignedIn(SessionAndUser { session, user: &user });
            Ok(WithCookies(lines, Json(answer).into_response()))
        }
        SignedIn::FactorOwed(FactorOwed { challenge, methods }) => {
            let presented = cookies.presented_device(&headers, &user.id);
            let lines = cookies.start_challenge(&challenge, had, &presented);
            let asked = FactorAsked::by(methods);
            Ok(WithCookies(lines, Json(PasskeyAnswer::FactorAsked(asked)).into_response()))
        }
    }
}

async fn sign_in(
    app: &App,
    response: &Value,
    headers: &HeaderMap,
    client: ClientInfo,
    now: Timestamp,
) -> Result<(User, SignedIn), Error> {
    let (passkey, assertion) = assert(app, response, headers, now).await?;
    let user = owner(app, &passkey, now).await?;
    accept(app, &passkey, &assertion, now).await?;
    let device = match app.deployment.cookies.presented_device(headers, &user.user.id) {
        PresentedDevice::Of(device) => Some(device),
        PresentedDevice::Foreign | PresentedDevice::Nothing => None,
    };
    let shown = user.user.clone();
    let accepted = PasskeyAccepted::new(user, assertion.user_verified);
    // Always a week on our side; whether the browser keeps its cookie is another matter
    // (contract 7.5).
    let how = (Lifetime::Standard, client);
    let signed_in = sign_ins::after_passkey(app, accepted, device, how, now).await?;
    still_there(app, &passkey, &signed_in).await?;
    Ok((shown, signed_in))
}

/// The removal of a passkey ends what it has opened. A session that was just being opened
/// could be missed by that, so who has opened one looks once more: whichever came first,
/// one of the two sees the other.
async fn still_there(app: &App, passkey: &Passkey, signed_in: &SignedIn) -> Result<(), Error> {
    if passkeys::exists(&app.db, &passkey.id).await? {
        return Ok(());
    }
    if let SignedIn::As { opened, .. } = signed_in {
        app.bus.request(&RevokeSession { digest: opened.token.digest() }).await?;
    }
    Err(not_found())
}

/// Which passkey it is, if its holder has shown that they have it.
async fn assert(
    app: &App,
    response: &Value,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<(Passkey, Assertion), Error> {
    let kind = Kind::Authentication;
    let ceremony = consume::<AuthenticationState>(app, headers, kind, now).await?;
    let passkey = match response["id"].as_str().and_then(credential_id) {
        Some(credential) => passkeys::find_by_credential(&app.db, &credential).await?,
        None => None,
    };
    let passkey = passkey.ok_or_else(not_found)?;
    let rule = match &ceremony.user {
        None => HandleRule::Required,
        Some(user) if *user == passkey.user_id => HandleRule::IfPresent,
        Some(_) => return Err(Refusal::AuthenticationFailed.into()),
    };
    let known = passkey.known();
    match app.relying_party.finish_authentication(response, &ceremony.state, &known, rule) {
        Ok(assertion) => Ok((passkey, assertion)),
        Err(reason) => {
            tracing::info!(target: "security", { user.id = %passkey.user_id, passkey.id = passkey.id, %reason }, "a passkey was refused");
            Err(match reason {
                Rejected::WrongSignature => {
                    Error::RefusedWith(StatusCode::UNAUTHORIZED, Refusal::AuthenticationFailed)
                }
                _ => Refusal::AuthenticationFailed.into(),
            })
        }
    }
}

fn not_found() -> Error {
    Error::RefusedWith(StatusCode::UNAUTHORIZED, Refusal::PasskeyNotFound)
}

/// The user as they are now. Whoever has been deleted has no passkey any more, or will
/// not have in a moment.
async fn owner(app: &App, passkey: &Passkey, now: Timestamp) -> Result<UserSnapshot, Error> {
    let user = app.bus.request(&GetUser { user_id: passkey.user_id.clone() }).await?;
    let user = user.ok_or_else(not_found)?;
    if user.user.is_banned(now) {
        return Err(Refusal::BannedUser.into());
    }
    Ok(user)
}

/// Two copies of a credential that are both in use cannot both have counted everything.
async fn accept(
    app: &App,
    passkey: &Passkey,
    assertion: &Assertion,
    now: Timestamp,
) -> Result<(), Error> {
    if passkeys::accept(&app.db, &passkey.id, assertion, now).await? {
        return Ok(());
    }
    if !passkeys::exists(&app.db, &passkey.id).await? {
        return Err(not_found());
    }
    app.metrics.counters_refused.inc();
    tracing::warn!(target: "security", { user.id = %passkey.user_id, passkey.id = passkey.id, counter = assertion.counter }, "a passkey's counter did not grow; there may be a copy of it");
    Err(Refusal::AuthenticationFailed.into())
}
