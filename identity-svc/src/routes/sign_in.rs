//! `POST /api/auth/sign-in/email` (contract 4.3)
//!
//! Every path through here takes about as long as every other, and every refusal
//! before the right password looks alike. Whoever asks must not learn which
//! addresses have accounts.

use auth_types::{DeviceToken, Email, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    Refusal,
    cookies::{PresentedDevice, Remember},
    mfa::{FactorAsked, FactorOwed},
    schema::Refused,
    session::SessionOpened,
    user::User,
};
use http::{HeaderMap, header};
use secrecy::SecretString;
use serde::Serialize;
use service_kit::{Answered, Client, Error, Now, WithCookies, body::SignInBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    credentials::{self, Caller},
    metrics::Outcome,
    model::{
        password::{self, NewPassword, PasswordHash},
        sign_in,
    },
    routes::redirect::location,
    sessions::{self, SignedIn},
    store::{accounts, guesses, users},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SignInEmail {
    #[schema(format = "email")]
    email: String,
    password: String,
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
    /// Whether the session outlives the browser. A form cannot say `false`.
    #[schema(nullable = false)]
    remember_me: Option<bool>,
}

/// The same as a form, which holds text only.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SignInForm {
    #[schema(format = "email")]
    email: String,
    password: String,
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SignInAnswer {
    SignedIn(Box<SignedInUser>),
    FactorAsked(FactorAsked),
}

/// There is a session now.
#[derive(Serialize, ToSchema)]
pub struct SignedInUser {
    /// Whether a callback was given.
    redirect: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    url: Option<String>,
    token: String,
    user: User,
}

struct SignIn {
    email: Email,
    password: SecretString,
    callback: Option<String>,
    remember: Remember,
}

/// Signs in with a password.
#[utoipa::path(
    post, path = "/api/auth/sign-in/email", tag = "sign-in", operation_id = "signInEmail",
    request_body(content((SignInEmail = "application/json"), (SignInForm = "application/x-www-form-urlencoded"))),
    responses((status = OK, description = "Signed in, or half way", body = SignInAnswer), Refused)
)]
pub async fn sign_in_email(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: SignInBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body)?;
    let (callback, remember) = (asked.callback.clone(), asked.remember);
    let outcome = sign_in(&app, asked, &headers, client, now).await;
    app.metrics.sign_in(match &outcome {
        Ok(_) => Outcome::Accepted,
        Err(Error::Refused(_) | Error::Later(..)) => Outcome::Refused,
        Err(_) => Outcome::Failed,
    });
    let (user, signed_in) = outcome?;
    let cookies = &app.deployment.cookies;
    match signed_in {
        SignedIn::As { opened, device } => {
            let mut lines =
                cookies.set_session(&opened.token, remember, cookies.dont_remember(&headers));
            lines.extend(device.map(|device| cookies.trust_device(&user.id, &device)));
            Ok(WithCookies(lines, answer(user, &opened, callback).into_response()))
        }
        SignedIn::FactorOwed(FactorOwed { challenge, methods }) => {
            let presented = cookies.presented_device(&headers, &user.id);
            let lines = cookies.start_challenge(&challenge, remember, &presented);
            let asked = FactorAsked::by(methods);
            Ok(WithCookies(lines, Json(SignInAnswer::FactorAsked(asked)).into_response()))
        }
    }
}

fn read(body: SignInBody) -> Result<SignIn, Error> {
    let fields = body.fields()?;
    let email = fields.string("email");
    let password = fields.string("password");
    let callback = fields.optional_string("callbackURL");
    let remember = fields.bool_or("rememberMe", true);
    fields.finish()?;
    let (Some(email), Some(password)) = (email, password) else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let email = Email::parse(&email).map_err(|_| Refusal::InvalidEmail)?;
    let password = SecretString::from(password);
    if !password::is_plausible(&password) {
        return Err(Refusal::PasswordTooLong.into());
    }
    let remember = if remember == Some(false) { Remember::No } else { Remember::Yes };
    Ok(SignIn {
        email,
        password,
        callback: callback.flatten().filter(|url| !url.is_empty()),
        remember,
    })
}

async fn sign_in(
    app: &App,
    asked: SignIn,
    headers: &HeaderMap,
    client: contract::session::ClientInfo,
    now: auth_types::Timestamp,
) -> Result<(User, SignedIn), Error> {
    let user = users::find_by_email(&app.db, &asked.email).await?;
    // Asked also where there is no user, because the question takes time.
    let nobody = UserId::from(String::new());
    let owner = user.as_ref().map_or(&nobody, |user| &user.user.id);
    let hash = accounts::find_password(&app.db, owner).await?;
    let device = presented_device(app, headers, owner);
    let caller = Caller {
        user: user.as_ref().map(|user| &user.user.id),
        email: &asked.email,
        device: device.as_ref(),
        network: &client.ip_address,
    };
    let (lane, place) = (caller.lane(app, now).await?, caller.place());
    let matches = credentials::check(app, lane, asked.password.clone(), hash.clone(), now).await?;
    let user = match user {
        Some(user) if matches && user.user.banned => {
            let lifted = users::lift_expired_ban(&app.db, &user.user.id, now).await?;
            Some(lifted.unwrap_or(user))
        }
        other => other,
    };
    let accepted = sign_in::accept(user, matches, app.deployment.production, now)?;
    let user = accepted.user().user.clone();
    if let Err(error) = renew_hash(app, &user.id, hash, asked.password).await {
        tracing::warn!(user.id = %user.id, ?error, "a password hash was not renewed; the next sign-in tries again");
    }
    if let Some(place) = place {
        guesses::remember(&app.db, &user.id, place, now).await?;
    }
    let signed_in =
        sessions::after_first_proof(app, accepted, device, asked.remember, client).await?;
    Ok((user, signed_in))
}

/// The trusted device that the browser claims to be to this user.
pub(crate) fn presented_device(
    app: &App,
    headers: &HeaderMap,
    user: &UserId,
) -> Option<DeviceToken> {
    match app.deployment.cookies.presented_device(headers, user) {
        PresentedDevice::Of(device) => Some(device),
        PresentedDevice::Foreign | PresentedDevice::Nothing => None,
    }
}

/// Makes the hash of a right password anew, where it was made in another way than
/// we make them.
async fn renew_hash(
    app: &App,
    user: &UserId,
    stored: Option<PasswordHash>,
    right: SecretString,
) -> Result<(), Error> {
    let Some(stored) = stored.filter(|stored| app.passwords.is_outdated(stored)) else {
        return Ok(());
    };
    let Some(password) = NewPassword::proved(right) else { return Ok(()) };
    let renewed = app.passwords.hash(password).await?;
    Ok(accounts::replace_hash(&app.db, user, &stored, &renewed).await?)
}

/// `url` and `Location` are there only when a callback was given.
fn answer(
    user: User,
    opened: &SessionOpened,
    callback: Option<String>,
) -> impl IntoResponse + use<> {
    let mut headers = HeaderMap::new();
    if let Some(location) = callback.as_deref().and_then(|callback| location(callback).ok()) {
        headers.insert(header::LOCATION, location);
    }
    let (redirect, token) = (callback.is_some(), opened.token.expose().to_owned());
    let signed_in = SignedInUser { redirect, url: callback, token, user };
    (headers, Json(SignInAnswer::SignedIn(Box::new(signed_in))))
}
