//! `POST /api/auth/link-social` (contract 8.9)

use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use contract::{
    Refusal,
    schema::{Problem, Refused},
};
use http::HeaderMap;
use serde::Serialize;
use service_kit::{Answered, Current, Error, Now, WithCookies, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::social::{SocialFailure, flow::Link},
    oauth::ProviderClient,
    routes::social::{
        request::{self, Asked, IdToken, SocialRequest},
        sign_in::vouch,
        start::{self, SentAway},
    },
    social::{self, Stopped},
};

#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum LinkAnswer {
    SentAway(SentAway),
    Linked(Linked),
}

/// The id token was good, and the identity is the caller's now.
#[derive(Serialize, ToSchema)]
pub struct Linked {
    url: &'static str,
    status: bool,
    redirect: bool,
}

/// Adds a social identity to the caller, by way of the provider or by an id token.
///
/// Asks for a session that is younger than a day, and for an address that is proved on
/// both sides and the same.
#[utoipa::path(
    post, path = "/api/auth/link-social", tag = "account", operation_id = "linkSocialAccount",
    request_body = SocialRequest,
    responses(
        (status = OK, description = "Where to go; or done, by an id token", body = LinkAnswer),
        (status = NOT_FOUND, description = "There is no such provider here, or it has no id tokens", body = Problem),
        (status = CONFLICT, description = "The identity is somebody else's", body = Problem),
        Refused,
    )
)]
pub async fn link_social(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Response> {
    let asked = request::read(body)?;
    let current = app.current(&headers, now).await?;
    current.require_fresh(now)?;
    current.require_own()?;
    match link(&app, &current, asked, now).await {
        Ok(WithCookies(mut lines, answer)) => {
            lines.splice(0..0, current.cookies);
            Ok(WithCookies(lines, answer))
        }
        Err(error) => Err(WithCookies(current.cookies, error)),
    }
}

async fn link(
    app: &App,
    current: &Current,
    mut asked: Asked,
    now: auth_types::Timestamp,
) -> Result<WithCookies<Response>, Error> {
    let provider = start::provider(app, &asked)?;
    let user = &current.live.user;
    let (user_id, email, session) = (user.id.clone(), user.email.clone(), current.digest());
    let link = Link { user_id, email, session };
    match asked.id_token.take() {
        None => start::start(app, provider, asked, Some(link), now).await,
        Some(given) => {
            by_token(app, provider, &given, &link, now).await?;
            let linked = Linked { url: "", status: true, redirect: false };
            Ok(WithCookies(Vec::new(), Json(linked).into_response()))
        }
    }
}

async fn by_token(
    app: &App,
    provider: &ProviderClient,
    given: &IdToken,
    link: &Link,
    now: auth_types::Timestamp,
) -> Result<(), Error> {
    let vouched = vouch(provider, given, now).await?;
    let outcome = social::add_link(app, &vouched.profile, &given.tokens, link, now).await;
    outcome.map_err(|stopped| match stopped {
        Stopped::Refused(error) => error,
        Stopped::Failed(SocialFailure::LinkedToDifferentUser) => {
            Refusal::SocialAccountAlreadyLinked.into()
        }
        Stopped::Failed(SocialFailure::EmailDoesNotMatch) => Refusal::LinkingDifferentEmails.into(),
        Stopped::Failed(SocialFailure::EmailNotFound) => Refusal::UserEmailNotFound.into(),
        Stopped::Failed(_) => Refusal::LinkingNotAllowed.into(),
    })
}
