//! Every path.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::{
    Form, Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    answers::answer,
    authorize,
    grant::{Grant, Held, Used},
    keys::Keys,
    openid::{self, fixture, id_token},
    provider::Provider,
    wish::{Wish, merge, pack, unpack},
};

#[derive(Clone)]
pub(crate) struct App {
    own: Arc<str>,
    pub(crate) keys: Arc<Keys>,
    used: Arc<Used>,
    counts: Arc<Mutex<BTreeMap<String, u64>>>,
    next: Arc<AtomicU64>,
}

impl App {
    pub(crate) fn issuer(&self) -> String {
        format!("{}/google", self.own)
    }

    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn count(&self, what: &str) {
        if let Ok(mut counts) = self.counts.lock() {
            *counts.entry(what.to_owned()).or_default() += 1;
        }
    }
}

pub(crate) fn all(own: String) -> Router {
    let app = App {
        own: own.into(),
        keys: Arc::default(),
        used: Arc::default(),
        counts: Arc::default(),
        next: Arc::default(),
    };
    Router::new()
        .route("/google/.well-known/openid-configuration", get(openid::discovery))
        .route("/google/auth", get(authorize::google))
        .route("/google/token", post(google_token))
        .route("/google/certs", get(openid::certs))
        .route("/google/sign", post(sign))
        .route("/github/login/oauth/authorize", get(authorize::github))
        .route("/github/login/oauth/access_token", post(github_token))
        .route("/github/api/user", get(github_user))
        .route("/github/api/user/emails", get(github_emails))
        .route("/discord/oauth2/authorize", get(authorize::discord))
        .route("/discord/oauth2/token", post(discord_token))
        .route("/discord/api/users/@me", get(discord_user))
        .route("/counts", get(counts))
        .route("/livez", get(ok))
        .route("/readyz", get(ok))
        .with_state(app)
}

async fn ok() -> &'static str {
    "ok\n"
}

async fn counts(State(app): State<App>) -> Json<Value> {
    Json(app.counts.lock().map(|counts| json!(*counts)).unwrap_or_default())
}

/// An id token as a page might have got one by itself.
async fn sign(State(app): State<App>, Json(wish): Json<Wish>) -> Response {
    match id_token(&app, &wish, None) {
        Ok(token) => token.into_response(),
        Err(error) => (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
    }
}

#[derive(Debug, Deserialize)]
struct TokenRequest {
    #[serde(default)]
    grant_type: String,
    #[serde(default)]
    code: String,
    #[serde(default)]
    code_verifier: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    refresh_token: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    client_secret: String,
}

async fn google_token(app: State<App>, form: Form<TokenRequest>) -> Response {
    token(&app, Provider::Google, form.0).await
}

async fn github_token(app: State<App>, form: Form<TokenRequest>) -> Response {
    token(&app, Provider::GitHub, form.0).await
}

async fn discord_token(app: State<App>, form: Form<TokenRequest>) -> Response {
    token(&app, Provider::Discord, form.0).await
}

async fn token(app: &App, provider: Provider, asked: TokenRequest) -> Response {
    app.count(&format!("{}/token", provider.name()));
    let is_client =
        asked.client_id == provider.client_id() && asked.client_secret == provider.client_secret();
    if !is_client {
        return refused(provider, "invalid_client");
    }
    let (wish, scope, nonce) = match asked.grant_type.as_str() {
        "authorization_code" => match redeem(app, provider, &asked) {
            Some(grant) => (grant.wish, grant.scope, grant.nonce),
            None => return refused(provider, "invalid_grant"),
        },
        "refresh_token" => match renew(app, provider, &asked) {
            Some(held) => (held.wish, held.scope, None),
            None => return refused(provider, "invalid_grant"),
        },
        _ => return refused(provider, "unsupported_grant_type"),
    };
    let mut body = fixture(provider.token_answer());
    body["scope"] = match provider {
        Provider::GitHub => json!(scope.replace(' ', ",")),
        _ => json!(scope),
    };
    let held = Held { provider, wish: wish.clone(), scope, number: app.number() };
    body["access_token"] = json!(pack(&held));
    let refreshes =
        body.get("refresh_token").is_some() || wish.token.get("refresh_token").is_some();
    if provider == Provider::Google {
        match id_token(app, &wish, nonce.as_deref()) {
            Ok(token) => body["id_token"] = json!(token),
            Err(error) => return (StatusCode::BAD_REQUEST, error.to_string()).into_response(),
        }
    }
    merge(&mut body, &wish.token);
    if refreshes && body.get("refresh_token").is_some() {
        body["refresh_token"] = json!(pack(&Held { number: app.number(), ..held }));
    }
    answer(&wish, "token", body).await
}

/// A code is good once, for the client that asked for it, with its verifier.
fn redeem(app: &App, provider: Provider, asked: &TokenRequest) -> Option<Grant> {
    let grant: Grant = unpack(&asked.code)?;
    let fits = grant.provider == provider
        && grant.redirect_uri == asked.redirect_uri
        && grant.is_verified_by(&asked.code_verifier);
    (fits && app.used.spend(&asked.code)).then_some(grant)
}

/// A refresh token is good once; another one takes its place.
fn renew(app: &App, provider: Provider, asked: &TokenRequest) -> Option<Held> {
    let held: Held = unpack(&asked.refresh_token)?;
    (held.provider == provider && app.used.spend(&asked.refresh_token)).then_some(held)
}

/// GitHub says it with a 200.
fn refused(provider: Provider, error: &str) -> Response {
    match provider {
        Provider::GitHub => {
            Json(fixture(include_str!("../fixtures/github-bad-code.json"))).into_response()
        }
        _ => (StatusCode::BAD_REQUEST, Json(json!({ "error": error }))).into_response(),
    }
}

async fn github_user(app: State<App>, headers: HeaderMap) -> Response {
    profile(&app, Provider::GitHub, "user", &headers).await
}

async fn discord_user(app: State<App>, headers: HeaderMap) -> Response {
    profile(&app, Provider::Discord, "@me", &headers).await
}

async fn profile(app: &App, provider: Provider, path: &str, headers: &HeaderMap) -> Response {
    app.count(&format!("{}/{path}", provider.name()));
    let Some(held) = bearer(provider, headers) else { return unauthorized() };
    let mut body = fixture(provider.person());
    merge(&mut body, &held.wish.person);
    answer(&held.wish, path, body).await
}

async fn github_emails(app: State<App>, headers: HeaderMap) -> Response {
    app.count("github/emails");
    let Some(held) = bearer(Provider::GitHub, &headers) else { return unauthorized() };
    let body = match &held.wish.emails {
        Value::Null => fixture(include_str!("../fixtures/github-emails.json")),
        emails => emails.clone(),
    };
    answer(&held.wish, "emails", body).await
}

/// GitHub refuses a client that does not say who it is.
fn bearer(provider: Provider, headers: &HeaderMap) -> Option<Held> {
    headers.get("user-agent")?;
    let token = headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    unpack::<Held>(token).filter(|held| held.provider == provider)
}

fn unauthorized() -> Response {
    (StatusCode::UNAUTHORIZED, Json(json!({ "message": "Bad credentials" }))).into_response()
}
