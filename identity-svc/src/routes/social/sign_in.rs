//! `POST /api/auth/sign-in/social` (contract 8.1, 8.8)

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contract::{
    Refusal,
    mfa::{FactorAsked, FactorOwed},
    schema::{Problem, Refused},
    user::User,
};
use http::HeaderMap;
use serde::Serialize;
use service_kit::{Answered, Client, Error, Now, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::social::{Provider, SocialFailure},
    oauth::{ProviderClient, ProviderError, Vouched},
    routes::social::{
        outcome::{self, Caller, SocialSignIn},
        request::{self, IdToken, SocialRequest},
        start::{self, SentAway},
    },
    sessions::SignedIn,
    social::Stopped,
};

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum SocialAnswer {
    SentAway(SentAway),
    SignedIn(Box<SignedInSocially>),
    FactorAsked(FactorAsked),
}

/// An id token was good: there is a session now.
#[derive(Serialize, ToSchema)]
pub struct SignedInSocially {
    redirect: bool,
    token: String,
    user: User,
}

/// Begins a sign-in by a social provider, or completes one by an id token.
#[utoipa::path(
    post, path = "/api/auth/sign-in/social", tag = "sign-in", operation_id = "socialSignIn",
    request_body = SocialRequest,
    responses(
        (status = OK, description = "Where to go; or signed in, or half way, by an id token", body = SocialAnswer),
        (status = NOT_FOUND, description = "There is no such provider here, or it has no id tokens", body = Problem),
        Refused,
    )
)]
pub async fn sign_in_social(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Response> {
    let mut asked = request::read(body)?;
    let provider = start::provider(&app, &asked)?;
    let Some(given) = asked.id_token.take() else {
        return Ok(start::start(&app, provider, asked, None, now).await?);
    };
    let caller = Caller { headers: &headers, client, now };
    let outcome = by_token(&app, provider, given, asked.request_sign_up, caller).await;
    count(&app, provider.provider(), &outcome);
    let signed_in = outcome.map_err(refused)?;
    let cookies = signed_in.cookies(&app, &headers);
    Ok(WithCookies(cookies, Json(answer(signed_in)).into_response()))
}

async fn by_token(
    app: &App,
    provider: &ProviderClient,
    given: IdToken,
    request_sign_up: bool,
    caller: Caller<'_>,
) -> Result<SocialSignIn, Stopped> {
    let vouched = vouch(provider, &given, caller.now).await?;
    let sign_ups = app.providers.sign_ups(provider.provider(), request_sign_up);
    outcome::sign_in(app, &vouched, &given.tokens, sign_ups, caller).await
}

/// Whom a token is of that the page has got by itself.
pub(super) async fn vouch(
    provider: &ProviderClient,
    given: &IdToken,
    now: auth_types::Timestamp,
) -> Result<Vouched, Error> {
    if !provider.takes_id_tokens() {
        return Err(Refusal::IdTokenNotSupported.into());
    }
    let vouched = provider.vouch_by_id_token(&given.token, given.nonce.as_deref(), now).await;
    let vouched = vouched.map_err(|error| match error {
        ProviderError::IdToken(wrong) => {
            tracing::info!(target: "security", { provider = provider.provider().name(), %wrong }, "an id token was refused");
            Refusal::InvalidToken
        }
        ProviderError::NoProfile(_) => Refusal::FailedToGetUserInfo,
        error => {
            tracing::warn!(provider = provider.provider().name(), error = %service_kit::fault::Chain(&error), "an id token could not be judged");
            Refusal::Unavailable
        }
    })?;
    if vouched.profile.email.is_none() {
        return Err(Refusal::UserEmailNotFound.into());
    }
    Ok(vouched)
}

fn refused(stopped: Stopped) -> Error {
    match stopped {
        Stopped::Refused(error) => error,
        Stopped::Failed(SocialFailure::EmailNotFound) => Refusal::UserEmailNotFound.into(),
        Stopped::Failed(failure) => Error::Worded(Refusal::OAuthLinkError, failure.words()),
    }
}

fn count(app: &App, provider: Provider, outcome: &Result<SocialSignIn, Stopped>) {
    let outcome = match outcome {
        Ok(_) => Ok(()),
        Err(Stopped::Failed(failure)) => Err(*failure),
        Err(Stopped::Refused(Error::Refused(Refusal::BannedUser))) => Err(SocialFailure::Banned),
        Err(Stopped::Refused(Error::Refused(_))) => Err(SocialFailure::UnableToGetUserInfo),
        Err(Stopped::Refused(_)) => Err(SocialFailure::InternalServerError),
    };
    app.providers.metrics.came_back(provider, outcome);
}

fn answer(signed_in: SocialSignIn) -> SocialAnswer {
    match signed_in.signed_in {
        SignedIn::As { opened, .. } => SocialAnswer::SignedIn(Box::new(SignedInSocially {
            redirect: false,
            token: opened.token.expose().to_owned(),
            user: signed_in.user,
        })),
        SignedIn::FactorOwed(FactorOwed { methods, .. }) => {
            SocialAnswer::FactorAsked(FactorAsked::by(methods))
        }
    }
}
