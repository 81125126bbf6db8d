//! What a social provider gave us for a user: `POST /api/auth/get-access-token`,
//! `POST /api/auth/refresh-token`, `GET /api/auth/account-info` (contract 4.18)
//!
//! No social provider is configured here, so there is never anything to give out:
//! these say of each account why.

use std::convert::Infallible;

use auth_types::Timestamp;
use axum::extract::State;
use contract::{Refusal, schema::Refused};
use http::{HeaderMap, StatusCode};
use serde_json::Value;
use service_kit::{
    Answered, Current, Error, Now, Query, WithCookies, body::JsonBody, fields::Fields,
};
use utoipa::ToSchema;

use crate::{app::App, store::accounts};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct ProviderAccount {
    /// The account's `id` in `list-accounts`.
    account_id: String,
    #[schema(nullable = false)]
    user_id: Option<String>,
}

/// Refuses: there is no token of a provider's here.
#[utoipa::path(
    post, path = "/api/auth/get-access-token", tag = "account", operation_id = "getAccessToken",
    request_body = ProviderAccount,
    responses(Refused, (status = UNAUTHORIZED, description = "There is no session; the body is empty"))
)]
pub async fn get_access_token(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Infallible> {
    refuse_token(&app, now, &headers, body).await
}

/// Refuses: there is no token of a provider's here.
#[utoipa::path(
    post, path = "/api/auth/refresh-token", tag = "account", operation_id = "refreshToken",
    request_body = ProviderAccount,
    responses(Refused, (status = UNAUTHORIZED, description = "There is no session; the body is empty"))
)]
pub async fn refresh_token(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Infallible> {
    refuse_token(&app, now, &headers, body).await
}

async fn refuse_token(
    app: &App,
    now: Timestamp,
    headers: &HeaderMap,
    body: JsonBody,
) -> Answered<Infallible> {
    let asked = read(body.fields()?)?;
    let current = current(app, headers, now).await?;
    let provider = provider(app, &current, asked).await;
    let unsupported = |provider: String| {
        let sentence = format!("Provider {provider} is not supported.");
        Err(Error::Worded(Refusal::ProviderNotSupported, sentence))
    };
    current.answer(provider.and_then(unsupported))
}

/// Refuses: there is no provider to ask about an account.
#[utoipa::path(
    get, path = "/api/auth/account-info", tag = "account", operation_id = "accountInfo",
    params(
        ("accountId" = Option<String>, Query, description = "The account's `id` in `list-accounts`"),
        ("useAccountCookie" = Option<String>, Query, description = "`true` instead of an id; no such cookie is set here"),
        ("userId" = Option<String>, Query, description = "Not looked at"),
    ),
    responses(Refused, (status = UNAUTHORIZED, description = "There is no session; the body is empty"))
)]
pub async fn account_info(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    Query(fields): Query,
) -> Answered<Infallible> {
    let asked = read(fields)?;
    let current = current(&app, &headers, now).await?;
    let provider = provider(&app, &current, asked).await;
    current.answer(provider.and_then(|_| Err(Refusal::ProviderNotConfigured.into())))
}

/// The account that is asked about; none where it is to be the one of a cookie,
/// which we do not set.
fn read(fields: Fields) -> Result<Option<String>, Error> {
    let id = match (fields.raw("accountId"), fields.raw("useAccountCookie")) {
        (Some(Value::String(id)), None) => Some(Some(id.clone())),
        (None, Some(Value::Bool(true))) => Some(None),
        (None, Some(Value::String(text))) if text == "true" => Some(None),
        _ => None,
    };
    let is_strict = fields.has_only(&["accountId", "useAccountCookie", "userId"])
        && matches!(fields.raw("userId"), None | Some(Value::String(_)));
    if id.is_none() || !is_strict {
        fields.note_whole("Invalid input");
    }
    fields.finish()?;
    Ok(id.flatten())
}

/// Refuses with an empty 401 where there is no session.
async fn current(
    app: &App,
    headers: &HeaderMap,
    now: Timestamp,
) -> Result<Current, WithCookies<Error>> {
    match Current::find_any(&app.bus, &app.deployment.cookies, headers, now).await? {
        (Some(current), _) => Ok(current),
        (None, clears) => Err(WithCookies(clears, Error::Empty(StatusCode::UNAUTHORIZED))),
    }
}

/// The provider of one of the caller's accounts.
async fn provider(app: &App, current: &Current, id: Option<String>) -> Result<String, Error> {
    let accounts = accounts::find_of_user(&app.db, &current.live.user.id).await?;
    let asked = accounts.into_iter().find(|account| Some(account.id.as_str()) == id.as_deref());
    Ok(asked.ok_or(Refusal::AccountNotFound)?.provider_id)
}
