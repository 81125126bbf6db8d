//! `POST /api/auth/sign-in/email` (contract 4.3)
//!
//! Every path through here takes about as long as every other, and every refusal
//! before the right password looks alike. Whoever asks must not learn which
//! addresses have accounts.

use auth_types::Email;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{Refusal, cookies::Remember, session::SessionOpened, user::User};
use http::{HeaderMap, HeaderValue, header};
use secrecy::SecretString;
use serde_json::json;
use service_kit::{Answered, Client, Error, Now, WithCookies, body::SignInBody};

use crate::{
    app::App,
    metrics::Outcome,
    model::{password, sign_in},
    sessions,
    store::{accounts, users},
};

struct SignIn {
    email: Email,
    password: SecretString,
    callback: Option<String>,
    remember: Remember,
}

pub async fn sign_in_email(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: SignInBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body)?;
    let (callback, remember) = (asked.callback.clone(), asked.remember);
    let outcome = sign_in(&app, asked, client, now).await;
    app.metrics.sign_in(match &outcome {
        Ok(_) => Outcome::Accepted,
        Err(Error::Refused(_)) => Outcome::Refused,
        Err(_) => Outcome::Failed,
    });
    let (user, opened) = outcome?;

    let had = app.deployment.cookies.dont_remember(&headers);
    let cookies = app.deployment.cookies.set_session(&opened.token, remember, had);
    Ok(WithCookies(cookies, answer(&user, &opened, callback)))
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
    Ok(SignIn { email, password, callback: callback.flatten().filter(|url| !url.is_empty()), remember })
}

async fn sign_in(
    app: &App,
    asked: SignIn,
    client: contract::session::ClientInfo,
    now: auth_types::Timestamp,
) -> Result<(User, SessionOpened), Error> {
    let user = users::find_by_email(&app.db, &asked.email).await?;
    let hash = match &user {
        Some(user) => accounts::find_password(&app.db, &user.user.id).await?,
        None => None,
    };
    let matches = app.passwords.matches(asked.password, hash).await?;
    let user = match user {
        Some(user) if matches && user.user.banned => {
            let lifted = users::lift_expired_ban(&app.db, &user.user.id, now).await?;
            Some(lifted.unwrap_or(user))
        }
        other => other,
    };
    let accepted = sign_in::accept(user, matches, app.deployment.production, now)?;
    let user = accepted.user().user.clone();
    let opened = sessions::after_password(app, accepted, asked.remember, client).await?;
    Ok((user, opened))
}

/// `url` and `Location` are there only when a callback was given.
fn answer(user: &User, opened: &SessionOpened, callback: Option<String>) -> impl IntoResponse + use<> {
    let mut body = json!({
        "redirect": callback.is_some(),
        "token": opened.token.expose(),
        "user": user,
    });
    let mut headers = HeaderMap::new();
    if let Some(callback) = callback {
        if let Ok(location) = HeaderValue::try_from(&callback) {
            headers.insert(header::LOCATION, location);
        }
        body["url"] = callback.into();
    }
    (headers, Json(body))
}
