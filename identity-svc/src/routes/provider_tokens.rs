//! What a social provider gave us for a user: `POST /api/auth/get-access-token`,
//! `POST /api/auth/refresh-token`, `GET /api/auth/account-info` (contract 4.18)
//!
//! They give a provider's tokens to whoever holds the session, so an admin who acts as
//! somebody else gets none.

use auth_types::{AccountId, Timestamp};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{Refusal, schema::Refused};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use service_kit::{
    Answered, Current, Error, Now, Query, WithCookies, body::JsonBody, fault::Chain, fields::Fields,
};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::social::{SocialProfile, tokens::ProviderTokens},
    oauth::{ProviderClient, Vouched},
    provider_tokens::{self, Renewed},
    store::social_accounts::{self, SocialAccount},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct ProviderAccount {
    /// The account's `id` in `list-accounts`.
    account_id: String,
    #[schema(nullable = false)]
    user_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[expect(clippy::struct_field_names, reason = "the names of the wire (contract 4.18)")]
pub struct AccessToken {
    access_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>, format = "date-time")]
    access_token_expires_at: Option<Timestamp>,
    scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    id_token: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct RefreshedTokens {
    access_token: Option<String>,
    refresh_token: Option<String>,
    #[schema(value_type = Option<String>, format = "date-time")]
    access_token_expires_at: Option<Timestamp>,
    #[schema(value_type = Option<String>, format = "date-time")]
    refresh_token_expires_at: Option<Timestamp>,
    /// Separated by commas.
    scope: String,
    id_token: Option<String>,
    provider_id: String,
    #[schema(value_type = String)]
    account_id: AccountId,
}

#[derive(Serialize, ToSchema)]
pub struct AccountInfo {
    user: ProviderUser,
    /// In the provider's own words.
    data: Value,
    account: AccountName,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProviderUser {
    id: String,
    name: String,
    email: Option<String>,
    image: Option<String>,
    email_verified: bool,
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AccountName {
    #[schema(value_type = String)]
    id: AccountId,
    provider_id: String,
    /// Who the user is there.
    account_id: String,
}

/// The caller's access token at a provider, renewed if it is about to expire.
#[utoipa::path(
    post, path = "/api/auth/get-access-token", tag = "account", operation_id = "getAccessToken",
    request_body = ProviderAccount,
    responses(
        (status = OK, description = "The token", body = AccessToken),
        Refused,
        (status = UNAUTHORIZED, description = "There is no session; the body is empty"),
    )
)]
pub async fn get_access_token(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body.fields()?)?;
    let current = current(&app, &headers, now).await?;
    let outcome = access_token(&app, &current, asked, now).await;
    current.answer(outcome)
}

async fn access_token(
    app: &App,
    current: &Current,
    asked: Option<String>,
    now: Timestamp,
) -> Result<Json<AccessToken>, Error> {
    let account = account(app, current, asked).await?;
    let provider = provider(app, &account)?;
    let tokens = provider_tokens::fresh(app, provider, current, account, now).await?;
    let tokens = tokens.ok_or(Refusal::FailedToGetAccessToken)?;
    Ok(Json(AccessToken {
        access_token: tokens.secrets.access_token.ok_or(Refusal::FailedToGetAccessToken)?,
        access_token_expires_at: tokens.access_token_expires_at,
        scopes: tokens.scopes,
        id_token: tokens.secrets.id_token,
    }))
}

/// Renews the caller's tokens at a provider.
#[utoipa::path(
    post, path = "/api/auth/refresh-token", tag = "account", operation_id = "refreshToken",
    request_body = ProviderAccount,
    responses(
        (status = OK, description = "The new ones", body = RefreshedTokens),
        Refused,
        (status = UNAUTHORIZED, description = "There is no session; the body is empty"),
    )
)]
pub async fn refresh_token(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body.fields()?)?;
    let current = current(&app, &headers, now).await?;
    let outcome = refresh(&app, &current, asked, now).await;
    current.answer(outcome)
}

async fn refresh(
    app: &App,
    current: &Current,
    asked: Option<String>,
    now: Timestamp,
) -> Result<Json<RefreshedTokens>, Error> {
    let account = account(app, current, asked).await?;
    let provider = provider(app, &account)?;
    let (id, provider_id) = (account.id.clone(), account.provider_id.clone());
    if account.tokens.secrets.refresh_token.is_none() {
        return Err(Refusal::RefreshTokenNotFound.into());
    }
    let renewed = provider_tokens::renew(app, provider, current, account, now).await?;
    let Renewed::Tokens(ProviderTokens {
        secrets,
        access_token_expires_at,
        refresh_token_expires_at,
        scopes,
    }) = renewed
    else {
        return Err(Refusal::FailedToRefreshToken.into());
    };
    Ok(Json(RefreshedTokens {
        access_token: secrets.access_token,
        refresh_token: secrets.refresh_token,
        access_token_expires_at,
        refresh_token_expires_at,
        scope: scopes.join(","),
        id_token: secrets.id_token,
        provider_id,
        account_id: id,
    }))
}

/// Whom the provider says that the caller's account is of.
#[utoipa::path(
    get, path = "/api/auth/account-info", tag = "account", operation_id = "accountInfo",
    params(
        ("accountId" = Option<String>, Query, description = "The account's `id` in `list-accounts`"),
        ("useAccountCookie" = Option<String>, Query, description = "`true` instead of an id; no such cookie is set here"),
        ("userId" = Option<String>, Query, description = "Not looked at"),
    ),
    responses(
        (status = OK, description = "The provider's word", body = AccountInfo),
        Refused,
        (status = UNAUTHORIZED, description = "There is no session, and no body; or the provider says nothing"),
    )
)]
pub async fn account_info(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    Query(fields): Query,
) -> Answered<impl IntoResponse> {
    let asked = read(fields)?;
    let current = current(&app, &headers, now).await?;
    let outcome = info(&app, &current, asked, now).await;
    current.answer(outcome)
}

async fn info(
    app: &App,
    current: &Current,
    asked: Option<String>,
    now: Timestamp,
) -> Result<Json<AccountInfo>, Error> {
    let account = account(app, current, asked).await?;
    let provider = app.providers.named(&account.provider_id);
    let provider = provider.ok_or(Refusal::ProviderNotConfigured)?;
    let (id, subject) = (account.id.clone(), account.subject.clone());
    let tokens = provider_tokens::fresh(app, provider, current, account, now).await?;
    let tokens = tokens.filter(|tokens| tokens.secrets.access_token.is_some());
    let tokens = tokens.ok_or(Refusal::AccessTokenNotFound)?;
    let vouched = provider.look_up(&tokens.secrets).await;
    let Vouched { profile, raw } = vouched.map_err(|error| {
        tracing::info!(provider = provider.provider().name(), error = %Chain(&error), "a provider does not say who somebody is");
        Refusal::FailedToGetUserInfo
    })?;
    // Tokens are not moved between users; an answer about another is none.
    if profile.subject.as_str() != subject {
        return Err(Refusal::FailedToGetUserInfo.into());
    }
    let account =
        AccountName { id, provider_id: provider.provider().name().to_owned(), account_id: subject };
    Ok(Json(AccountInfo { user: ProviderUser::from(profile), data: raw, account }))
}

impl From<SocialProfile> for ProviderUser {
    fn from(profile: SocialProfile) -> Self {
        Self {
            id: profile.subject.as_str().to_owned(),
            name: profile.name,
            email: profile.email.map(|email| email.to_string()),
            image: profile.image,
            email_verified: profile.email_verified,
        }
    }
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
        (Some(current), _) => {
            current.require_own()?;
            Ok(current)
        }
        (None, clears) => Err(WithCookies(clears, Error::Empty(StatusCode::UNAUTHORIZED))),
    }
}

/// One of the caller's own accounts.
async fn account(app: &App, current: &Current, id: Option<String>) -> Result<SocialAccount, Error> {
    let (id, user) = (id.unwrap_or_default(), &current.live.user.id);
    // Postgres takes no NUL, and no id has one.
    if id.contains('\0') {
        return Err(Refusal::AccountNotFound.into());
    }
    let account = social_accounts::find(&app.db, &app.token_sealer, user, &id).await?;
    account.ok_or(Refusal::AccountNotFound.into())
}

fn provider<'a>(app: &'a App, account: &SocialAccount) -> Result<&'a ProviderClient, Error> {
    let unsupported = || {
        let sentence = format!("Provider {} is not supported.", account.provider_id);
        Error::Worded(Refusal::ProviderNotSupported, sentence)
    };
    app.providers.named(&account.provider_id).ok_or_else(unsupported)
}
