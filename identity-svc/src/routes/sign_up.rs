//! `POST /api/auth/sign-up/email` (contract 4.2)
//!
//! Where addresses must be verified, whoever signs up with a taken one gets the
//! same answer, after the same work, as somebody new; the rest happens by mail.

use auth_types::AccountId;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    Refusal,
    cookies::Remember,
    mail::Template,
    schema::{Problem, Refused},
    user::{User, UserSnapshot},
};
use http::HeaderMap;
use serde::Serialize;
use service_kit::{Answered, Client, Error, Fault, Now, While, WithCookies, body::SignInBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::{
        link,
        password::{NewPassword, PasswordHash, Unfit},
        sign_in::Authenticated,
        sign_up::{Profile, forbidden_field},
        verification::Claims,
    },
    promises, sessions,
    store::{accounts, users},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SignUpEmail {
    name: String,
    #[schema(format = "email")]
    email: String,
    #[schema(min_length = 8)]
    password: String,
    #[schema(nullable = false)]
    image: Option<String>,
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
pub struct SignUpForm {
    name: String,
    #[schema(format = "email")]
    email: String,
    #[schema(min_length = 8)]
    password: String,
    #[schema(nullable = false)]
    image: Option<String>,
    #[schema(rename = "callbackURL", nullable = false)]
    callback_url: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct SignedUp {
    /// `null` where the address has to be verified first.
    #[schema(required)]
    token: Option<String>,
    user: User,
}

struct SignUp {
    profile: Profile,
    password: NewPassword,
    callback: Option<String>,
    remember: Remember,
}

/// Makes a user, and signs them in where addresses need not be verified.
#[utoipa::path(
    post, path = "/api/auth/sign-up/email", tag = "sign-in", operation_id = "signUpEmail",
    request_body(content((SignUpEmail = "application/json"), (SignUpForm = "application/x-www-form-urlencoded"))),
    responses(
        (status = OK, description = "Signed up", body = SignedUp),
        (status = UNPROCESSABLE_ENTITY, description = "The address is taken", body = Problem),
        Refused,
    )
)]
pub async fn sign_up_email(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: SignInBody,
) -> Answered<impl IntoResponse> {
    let SignUp { profile, password, callback, remember } = read(body)?;
    let hash = app.passwords.hash(password).await?;
    let user = profile.into_user(now, &mut rand::rng());
    let stored = store(&app, &user, &hash, callback.as_deref()).await?;

    if app.deployment.production {
        return Ok(WithCookies(Vec::new(), Json(SignedUp { token: None, user })));
    }
    let snapshot = stored.ok_or(Refusal::UserExists)?;
    let authenticated = Authenticated::by_sign_up(snapshot);
    let opened = sessions::open(&app, authenticated, remember, client).await?;
    let had = app.deployment.cookies.dont_remember(&headers);
    let cookies = app.deployment.cookies.set_session(&opened.token, remember, had);
    Ok(WithCookies(cookies, Json(SignedUp { token: Some(opened.token.expose().to_owned()), user })))
}

fn read(body: SignInBody) -> Result<SignUp, Error> {
    let fields = body.fields()?;
    let name = fields.string("name");
    let email = fields.email("email");
    let password = fields.filled_string("password");
    let image = fields.optional_string("image");
    let callback = fields.optional_string("callbackURL");
    let remember = fields.bool_or("rememberMe", true);
    let forbidden = forbidden_field(&fields);
    fields.finish()?;
    let (Some(name), Some(email), Some(password), Some(image)) = (name, email, password, image)
    else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let password = NewPassword::check(password).map_err(unfit)?;
    if let Some(field) = forbidden {
        return Err(Error::FieldNotAllowed(field));
    }
    let remember = if remember == Some(false) { Remember::No } else { Remember::Yes };
    let profile = Profile { name, email, image };
    Ok(SignUp {
        profile,
        password,
        callback: callback.flatten().filter(|url| !url.is_empty()),
        remember,
    })
}

/// The words the protocol has for a password that may not be set.
pub(crate) fn unfit(unfit: Unfit) -> Refusal {
    match unfit {
        Unfit::TooShort => Refusal::PasswordTooShort,
        Unfit::TooLong => Refusal::PasswordTooLong,
        Unfit::HasNul => Refusal::InvalidPassword,
    }
}

/// Stores the user, their password and the promise of a mail in one transaction;
/// nothing at all when the address is taken. The unique index decides between two
/// who sign up at once.
async fn store(
    app: &App,
    user: &User,
    hash: &PasswordHash,
    callback: Option<&str>,
) -> Result<Option<UserSnapshot>, Fault> {
    let mut tx = app.db.begin().await.doing("starting a sign-up")?;
    let Some(snapshot) = users::insert(&mut *tx, user).await? else { return Ok(None) };
    let account = AccountId::mint(&mut rand::rng());
    accounts::set_password(&mut *tx, &account, &user.id, hash, user.created_at).await?;
    if app.deployment.production {
        let claims = Claims::new(user.email.clone(), user.id.clone(), user.created_at);
        let token = claims.sign(&app.deployment.secrets).doing("signing a verification link")?;
        let url = link::verify_email(&app.deployment.api_origin, &token, callback);
        let template = Template::VerifyEmail { name: user.name.clone(), url };
        promises::mail(&mut *tx, &snapshot, template).await?;
    }
    tx.commit().await.doing("committing a sign-up")?;
    app.metrics.sign_ups.inc();
    app.bell.ring();
    tracing::info!(user.id = %user.id, "a user signed up");
    Ok(Some(snapshot))
}
