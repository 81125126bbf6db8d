//! Where a browser comes first: somebody is asked whether they agree.

use axum::{
    extract::{Query, State},
    http::{HeaderValue, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use serde::Deserialize;
use url::Url;

use crate::{
    grant::Grant,
    pages,
    provider::Provider,
    routes::App,
    wish::{Wish, pack, unpack},
};

#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    response_type: String,
    #[serde(default)]
    client_id: String,
    #[serde(default)]
    redirect_uri: String,
    #[serde(default)]
    scope: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    code_challenge: String,
    #[serde(default)]
    code_challenge_method: String,
    nonce: Option<String>,
    wish: Option<String>,
}

pub(crate) async fn google(app: State<App>, asked: Query<Asked>, uri: axum::http::Uri) -> Response {
    authorize(&app, Provider::Google, asked.0, &uri)
}

pub(crate) async fn github(app: State<App>, asked: Query<Asked>, uri: axum::http::Uri) -> Response {
    authorize(&app, Provider::GitHub, asked.0, &uri)
}

pub(crate) async fn discord(
    app: State<App>,
    asked: Query<Asked>,
    uri: axum::http::Uri,
) -> Response {
    authorize(&app, Provider::Discord, asked.0, &uri)
}

fn authorize(app: &App, provider: Provider, asked: Asked, uri: &axum::http::Uri) -> Response {
    app.count(&format!("{}/authorize", provider.name()));
    if let Some(problem) = problem(provider, &asked) {
        return (StatusCode::BAD_REQUEST, problem).into_response();
    }
    let Some(wish) = &asked.wish else {
        return Html(pages::choose(provider, &uri.to_string())).into_response();
    };
    let Some(wish) = unpack::<Wish>(wish) else {
        return (StatusCode::BAD_REQUEST, "that is no wish").into_response();
    };
    match back(app, provider, asked, wish) {
        Some(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        None => (StatusCode::BAD_REQUEST, "redirect_uri is no address").into_response(),
    }
}

/// A client that does not ask as it should is told so here, as the providers do.
fn problem(provider: Provider, asked: &Asked) -> Option<&'static str> {
    let scopes: Vec<_> = asked.scope.split(' ').collect();
    match () {
        () if asked.response_type != "code" => Some("response_type must be code"),
        () if asked.client_id != provider.client_id() => Some("no such client"),
        () if asked.state.is_empty() => Some("state is missing"),
        () if asked.code_challenge.len() != 43 => Some("code_challenge is missing"),
        () if asked.code_challenge_method != "S256" => Some("code_challenge_method must be S256"),
        () if provider == Provider::Google && !scopes.contains(&"openid") => Some("no openid"),
        () if provider == Provider::Google && asked.nonce.is_none() => Some("nonce is missing"),
        () => None,
    }
}

fn back(app: &App, provider: Provider, asked: Asked, wish: Wish) -> Option<HeaderValue> {
    let mut url = Url::parse(&asked.redirect_uri).ok()?;
    url.query_pairs_mut().append_pair("state", &asked.state);
    if provider == Provider::Google {
        url.query_pairs_mut().append_pair("iss", &app.issuer());
    }
    if wish.denied {
        url.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", "The resource owner denied the request");
    } else {
        let grant = Grant {
            provider,
            redirect_uri: asked.redirect_uri,
            challenge: asked.code_challenge,
            nonce: asked.nonce,
            scope: asked.scope,
            wish: wish.clone(),
            number: app.number(),
        };
        url.query_pairs_mut().append_pair("code", &pack(&grant));
    }
    let mut changed: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    changed.retain(|(name, _)| !wish.back.contains_key(name));
    changed.extend(wish.back.into_iter().filter(|(_, value)| !value.is_empty()));
    url.query_pairs_mut().clear().extend_pairs(changed);
    HeaderValue::try_from(url.as_str()).ok()
}
