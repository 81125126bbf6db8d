//! `GET /api/auth/callback/{id}`: the browser comes back from a provider (contract 8.6).
//!
//! Whatever happens here ends in a redirect. Which page learns of a failure depends on how
//! far the browser proved that the flow is its own: before that, our own error page.

use auth_types::{StateToken, Timestamp};
use axum::{
    extract::{FromRef, FromRequest, Path, Request, State, rejection::PathRejection},
    response::{IntoResponse, Response},
};
use contract::{
    Refusal,
    mfa::{FactorOwed, Method},
    origin::{SignsIn, TrustedOrigins},
    schema::Refused,
    session::ResolveSession,
};
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use service_kit::{
    Answered, Client, Error, Now, Query, WithCookies, body::read_value, fault::Chain,
    fields::Fields,
};
use std::sync::Arc;

use crate::{
    app::App,
    model::{
        redirect::with_query,
        social::{
            Provider, SocialFailure,
            flow::{Flow, FlowSecrets, Link},
        },
    },
    oauth::{ProviderClient, ProviderError},
    routes::{
        redirect::found,
        social::outcome::{self, Caller},
    },
    sessions::SignedIn,
    social::{self, Stopped},
    store::social_flows,
};

/// What a provider may say, in the query or in a form.
const PARAMETERS: [&str; 7] =
    ["code", "state", "error", "error_description", "iss", "user", "device_id"];
const PARAMETER_MAX_BYTES: usize = 4096;
/// Of what a provider says of an error, so much is passed on.
const DESCRIPTION_MAX_BYTES: usize = 256;

/// What came back with the browser.
struct Returned {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
    description: Option<String>,
    issuer: Option<String>,
}

/// How a flow that is the browser's own has ended.
enum Ended {
    SignedIn {
        cookies: Vec<String>,
        location: String,
    },
    Linked {
        location: String,
    },
    /// In the provider's words.
    Denied {
        error: String,
        description: Option<String>,
    },
    Failed(SocialFailure),
}

/// The browser comes back from a provider.
#[utoipa::path(
    get, path = "/api/auth/callback/{id}", tag = "sign-in", operation_id = "handleOAuthCallback",
    params(
        ("id" = String, Path, description = "`google`, `github` or `discord`"),
        ("code" = Option<String>, Query, description = "From the provider"),
        ("state" = Option<String>, Query, description = "Ours"),
        ("error" = Option<String>, Query, description = "Why there is no code"),
        ("error_description" = Option<String>, Query, description = "The same in words"),
        ("iss" = Option<String>, Query, description = "Who the provider is"),
    ),
    responses(
        (status = FOUND, description = "Signed in, half way (`twoFactorRedirect` in the query), or not (`error`)",
         headers(("Location" = String, description = "The page that asked for it, or the error page"))),
        (status = NOT_FOUND, description = "No provider is written like this; the body is empty"),
        Refused,
    )
)]
pub async fn callback(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    headers: HeaderMap,
    id: Result<Path<String>, PathRejection>,
    Query(fields): Query,
) -> Answered<Response> {
    let Ok(Path(id)) = id else { return Err(Error::Empty(StatusCode::NOT_FOUND).into()) };
    let returned = Returned::read(fields)?;
    let Some(state) = &returned.state else {
        return Ok(without_flow(&app, SocialFailure::StateNotFound));
    };
    let Some((flow, secrets)) = own_flow(&app, &headers, state, now).await? else {
        return foreign_flow(&app, state, now).await;
    };
    let caller = Caller { headers: &headers, client, now };
    let ended = finish(&app, &id, &flow, &secrets, returned, caller).await;
    Ok(answer(&app, &flow, ended))
}

impl Returned {
    /// What is given twice is refused: neither can be what the provider meant.
    fn read(fields: Fields) -> Result<Self, Error> {
        let text = |name| match fields.optional_string(name)? {
            Some(text) if text.len() > PARAMETER_MAX_BYTES => {
                fields.note(name, "Too big: expected string to have <=4096 characters");
                None
            }
            text => Some(text.filter(|text| !text.is_empty())),
        };
        let [code, state, error, description, issuer, _, _] = PARAMETERS.map(text);
        fields.finish()?;
        Ok(Self {
            code: code.flatten(),
            state: state.flatten(),
            error: error.flatten(),
            description: description.flatten(),
            issuer: issuer.flatten(),
        })
    }
}

/// The flow, if this browser began it. It is over then, whatever comes of it.
async fn own_flow(
    app: &App,
    headers: &HeaderMap,
    state: &str,
    now: Timestamp,
) -> Result<Option<(Flow, FlowSecrets)>, Error> {
    let cookie = app.deployment.cookies.state(headers);
    let state = StateToken::parse(state);
    match (state, cookie) {
        (Some(state), Some(cookie)) if state.digest() == cookie.digest() => {
            Ok(social_flows::consume(&app.db, &app.flow_sealer, &state, now).await?)
        }
        _ => Ok(None),
    }
}

/// Another browser's flow stays as it is; the page that began it may say what happened.
async fn foreign_flow(app: &App, state: &str, now: Timestamp) -> Answered<Response> {
    let flow = match StateToken::parse(state) {
        Some(state) => social_flows::find(&app.db, &state, now).await.map_err(Error::from)?,
        None => None,
    };
    tracing::info!(target: "security", known = flow.is_some(), "a social sign-in came back to a browser that did not begin it");
    let failure = SocialFailure::StateMismatch;
    Ok(match flow {
        None => without_flow(app, failure),
        Some(flow) => {
            WithCookies(Vec::new(), found(&error_location(app, &flow, failure.code(), None)))
        }
    })
}

fn without_flow(app: &App, failure: SocialFailure) -> WithCookies<Response> {
    let target = with_query(&error_page(app), &[("error", failure.code())]);
    WithCookies(Vec::new(), found(&target))
}

fn error_page(app: &App) -> String {
    format!("{}/api/auth/error", app.deployment.api_origin)
}

/// In the order of contract 8.6.
async fn finish(
    app: &App,
    id: &str,
    flow: &Flow,
    secrets: &FlowSecrets,
    returned: Returned,
    caller: Caller<'_>,
) -> Ended {
    let provider = Provider::named(id).and_then(|provider| app.providers.find(provider));
    if let Some(provider) = provider
        && let Err(failure) = flow.check_provider(provider.provider())
    {
        return Ended::Failed(failure);
    }
    if let Some(error) = returned.error {
        return Ended::Denied { error, description: returned.description };
    }
    let Some(code) = returned.code else { return Ended::Failed(SocialFailure::NoCode) };
    let Some(provider) = provider else { return Ended::Failed(SocialFailure::ProviderNotFound) };
    let flow_and = (flow, secrets);
    let outcome = complete(app, provider, flow_and, (&code, returned.issuer), caller).await;
    let counted = match &outcome {
        Ok(_) => Ok(()),
        Err(stopped) => Err(failure_of(stopped)),
    };
    app.providers.metrics.came_back(provider.provider(), counted);
    outcome.unwrap_or_else(|stopped| Ended::Failed(failure_of(&stopped)))
}

async fn complete(
    app: &App,
    provider: &ProviderClient,
    (flow, secrets): (&Flow, &FlowSecrets),
    (code, issuer): (&str, Option<String>),
    caller: Caller<'_>,
) -> Result<Ended, Stopped> {
    let now = caller.now;
    let is_issuer = provider.is_issuer(issuer.as_deref()).await;
    if !is_issuer.map_err(|error| stopped_at(provider, &error, SocialFailure::InvalidCode))? {
        return Err(SocialFailure::StateMismatch.into());
    }
    let tokens = provider.exchange(code, secrets, now).await;
    let tokens =
        tokens.map_err(|error| stopped_at(provider, &error, SocialFailure::InvalidCode))?;
    let vouched = provider.vouch(&tokens.secrets, &secrets.nonce, now).await;
    let vouched = vouched
        .map_err(|error| stopped_at(provider, &error, SocialFailure::UnableToGetUserInfo))?;
    if let Some(link) = &flow.link {
        check_session(app, link).await?;
        social::add_link(app, &vouched.profile, &tokens, link, now).await?;
        return Ok(Ended::Linked { location: target(app, flow, false) });
    }
    let sign_ups = app.providers.sign_ups(provider.provider(), flow.request_sign_up);
    let headers = caller.headers;
    let signed_in = outcome::sign_in(app, &vouched, &tokens, sign_ups, caller).await?;
    let cookies = signed_in.cookies(app, headers);
    let page = target(app, flow, signed_in.is_new);
    let location = match &signed_in.signed_in {
        SignedIn::As { .. } => page,
        SignedIn::FactorOwed(FactorOwed { methods, .. }) => half_way(&page, methods),
    };
    Ok(Ended::SignedIn { cookies, location })
}

fn stopped_at(provider: &ProviderClient, error: &ProviderError, failure: SocialFailure) -> Stopped {
    tracing::warn!(
        target: "security",
        { provider = provider.provider().name(), error = %Chain(error), code = failure.code() },
        "a social sign-in came to nothing"
    );
    failure.into()
}

/// A link is made only while the session lives in which it was asked for.
async fn check_session(app: &App, link: &Link) -> Result<(), Stopped> {
    let session = app.bus.request(&ResolveSession { digest: link.session }).await;
    let live = session.map_err(Error::from)?;
    let is_theirs = live
        .is_some_and(|live| live.user.id == link.user_id && live.session.impersonated_by.is_none());
    if is_theirs { Ok(()) } else { Err(SocialFailure::UnableToLinkAccount.into()) }
}

/// The page that asked for it, if it is still one of ours.
fn target(app: &App, flow: &Flow, is_new: bool) -> String {
    let target = flow.target(is_new, &app.deployment.origins);
    target.unwrap_or(&app.deployment.frontend_origin).to_owned()
}

/// Tells the page what a client learns from the body of other sign-ins (contract 6.3).
fn half_way(page: &str, methods: &[Method]) -> String {
    let names = methods.iter().map(|method| match method {
        Method::Totp => "totp",
        Method::Otp => "otp",
    });
    let names = names.collect::<Vec<_>>().join(",");
    with_query(page, &[("twoFactorRedirect", "true"), ("twoFactorMethods", &names)])
}

fn failure_of(stopped: &Stopped) -> SocialFailure {
    match stopped {
        Stopped::Failed(failure) => *failure,
        Stopped::Refused(Error::Refused(Refusal::BannedUser)) => SocialFailure::Banned,
        Stopped::Refused(Error::Refused(_)) => SocialFailure::UnableToCreateSession,
        Stopped::Refused(Error::Broke(fault)) => {
            tracing::error!(error = %Chain(fault), outage = fault.is_outage(), "a social sign-in failed");
            SocialFailure::InternalServerError
        }
        Stopped::Refused(_) => SocialFailure::InternalServerError,
    }
}

/// The state is spent, so its cookie goes.
fn answer(app: &App, flow: &Flow, ended: Ended) -> WithCookies<Response> {
    let mut lines = vec![app.deployment.cookies.clear_state()];
    let location = match ended {
        Ended::SignedIn { cookies, location } => {
            lines.extend(cookies);
            location
        }
        Ended::Linked { location } => location,
        Ended::Denied { error, description } => {
            error_location(app, flow, &error, description.as_deref())
        }
        Ended::Failed(failure @ SocialFailure::Banned) => {
            error_location(app, flow, failure.code(), Some(Refusal::BannedUser.message()))
        }
        Ended::Failed(failure @ SocialFailure::InternalServerError) => {
            with_query(&error_page(app), &[("error", failure.code())])
        }
        Ended::Failed(failure) => error_location(app, flow, failure.code(), None),
    };
    WithCookies(lines, found(&location))
}

fn error_location(app: &App, flow: &Flow, error: &str, description: Option<&str>) -> String {
    let page =
        flow.error_target(&app.deployment.origins).map_or_else(|| error_page(app), Into::into);
    let clip = |text: &str| text[..text.floor_char_boundary(DESCRIPTION_MAX_BYTES)].to_owned();
    let (error, description) = (clip(error), description.map(clip));
    let described = description.as_deref().map(|text| ("error_description", text));
    with_query(
        &page,
        &[Some(("error", error.as_str())), described]
            .map(Option::into_iter)
            .into_iter()
            .flatten()
            .collect::<Vec<_>>(),
    )
}

/// What a provider posts. Its page is a foreign one, and brings none of our cookies; a
/// request that does must name an origin of ours.
pub struct Posted {
    body: Option<Value>,
    query: Fields,
}

impl<S> FromRequest<S> for Posted
where
    S: Send + Sync,
    Arc<TrustedOrigins>: FromRef<S>,
{
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        let (parts, body) = read_value(request, true).await?;
        if parts.headers.contains_key(header::COOKIE) {
            Arc::<TrustedOrigins>::from_ref(state).check(&parts.headers, SignsIn::No)?;
        }
        Ok(Self { body, query: Fields::of_query(parts.uri.query().unwrap_or_default()) })
    }
}

/// The same by a form: leads to the page that takes it in the query, and does no more.
#[utoipa::path(
    post, path = "/api/auth/callback/{id}", tag = "sign-in", operation_id = "handleOAuthCallbackForm",
    params(("id" = String, Path, description = "`google`, `github` or `discord`")),
    request_body(content((Value = "application/json"), (Value = "application/x-www-form-urlencoded"))),
    responses(
        (status = FOUND, description = "To the same path",
         headers(("Location" = String, description = "With the form in the query"))),
        (status = NOT_FOUND, description = "No provider is written like this; the body is empty"),
        Refused,
    )
)]
pub async fn callback_form(
    State(app): State<App>,
    id: Result<Path<String>, PathRejection>,
    posted: Posted,
) -> Result<Response, Error> {
    let Ok(Path(id)) = id else { return Err(Error::Empty(StatusCode::NOT_FOUND)) };
    let body =
        Fields::of(Some(posted.body.unwrap_or_else(|| Value::Object(serde_json::Map::new()))))?;
    let text = |fields: &Fields, name| match fields.raw(name) {
        Some(Value::String(text)) if text.len() <= PARAMETER_MAX_BYTES => Some(text.clone()),
        Some(_) => {
            fields.note(name, "Invalid input: expected a short string");
            None
        }
        None => None,
    };
    let merged: Vec<(&str, String)> = PARAMETERS
        .into_iter()
        .filter_map(|name| Some((name, text(&posted.query, name).or_else(|| text(&body, name))?)))
        .collect();
    posted.query.finish()?;
    body.finish()?;
    let pairs: Vec<_> = merged.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let path = format!(
        "{}/api/auth/callback/{}",
        app.deployment.api_origin,
        contract::uri::component(&id)
    );
    Ok(found(&with_query(&path, &pairs)).into_response())
}
