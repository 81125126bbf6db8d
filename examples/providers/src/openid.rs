//! What Google has and the others have not: discovery, keys, id tokens.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

use crate::{
    provider::Provider,
    routes::App,
    wish::{Wish, merge},
};

pub(crate) async fn discovery(State(app): State<App>) -> Response {
    app.count("google/openid-configuration");
    let issuer = app.issuer();
    let mut document = fixture(include_str!("../fixtures/google-discovery.json"));
    merge(
        &mut document,
        &json!({
            "issuer": issuer,
            "authorization_endpoint": format!("{issuer}/auth"),
            "token_endpoint": format!("{issuer}/token"),
            "jwks_uri": format!("{issuer}/certs"),
            "authorization_response_iss_parameter_supported": true,
        }),
    );
    Json(document).into_response()
}

pub(crate) async fn certs(State(app): State<App>) -> Response {
    app.count("google/certs");
    match app.keys.published() {
        Ok(keys) => Json(keys).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The documented claims, made for the one client now, changed as is wished.
pub(crate) fn id_token(app: &App, wish: &Wish, nonce: Option<&str>) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let mut claims = fixture(Provider::Google.person());
    let client = Provider::Google.client_id();
    let own = json!({
        "iss": app.issuer(), "aud": client, "azp": client,
        "iat": now, "exp": now + 3600, "nonce": nonce,
    });
    merge(&mut claims, &own);
    merge(&mut claims, &wish.person);
    app.keys.sign(&claims, wish.signing.as_ref())
}

pub(crate) fn fixture(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}
