//! Sending a browser to a provider (contract 8.2, 8.3).

use auth_types::{StateToken, Timestamp};
use axum::{
    Json,
    response::{IntoResponse, Response},
};
use contract::Refusal;
use http::{HeaderMap, header};
use serde::Serialize;
use service_kit::{Error, WithCookies};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::social::flow::{Flow, FlowSecrets, Link},
    oauth::{ProviderClient, client::Authorization},
    routes::{redirect::location, social::request::Asked},
    store::social_flows,
};

#[derive(Serialize, ToSchema)]
pub struct SentAway {
    /// The provider's page.
    url: String,
    /// Whether the client is to go there by itself.
    redirect: bool,
}

/// The provider's client, if there is such a provider here.
pub(super) fn provider<'a>(app: &'a App, asked: &Asked) -> Result<&'a ProviderClient, Error> {
    app.providers.named(&asked.provider).ok_or(Refusal::ProviderNotFound.into())
}

/// Notes what the flow is for, under a state that only this browser gets.
pub(super) async fn start(
    app: &App,
    client: &ProviderClient,
    asked: Asked,
    link: Option<Link>,
    now: Timestamp,
) -> Result<WithCookies<Response>, Error> {
    let (state, secrets) =
        (StateToken::generate(&mut rand::rng()), FlowSecrets::generate(&mut rand::rng()));
    let authorization = Authorization {
        state: &state,
        secrets: &secrets,
        scopes: &asked.scopes,
        login_hint: asked.login_hint.as_deref(),
        additional: &asked.params,
    };
    let url = client.authorization_url(authorization).await.map_err(|error| {
        tracing::warn!(provider = client.provider().name(), error = %service_kit::fault::Chain(&error), "a social sign-in could not begin");
        Refusal::Unavailable
    })?;
    let flow = Flow {
        provider: client.provider(),
        callback: asked.callback.unwrap_or_else(|| app.deployment.api_origin.clone()),
        error_callback: asked.error_callback,
        new_user_callback: asked.new_user_callback,
        request_sign_up: asked.request_sign_up,
        link,
        additional: asked.additional,
    };
    let kept = (&flow, &secrets);
    social_flows::insert(&app.db, &app.flow_sealer, &state, kept, now).await?;
    social_flows::purge_expired(&app.db, now).await?;
    let mut headers = HeaderMap::new();
    if !asked.disable_redirect {
        headers.insert(header::LOCATION, location(url.as_str())?);
    }
    let body = SentAway { url: url.into(), redirect: !asked.disable_redirect };
    let cookie = app.deployment.cookies.start_state(&state);
    Ok(WithCookies(vec![cookie], (headers, Json(body)).into_response()))
}
