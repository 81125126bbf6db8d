//! The providers that are configured here.

use service_kit::Deployment;

use crate::{
    model::social::{Provider, linking::SignUps},
    oauth::{
        client::{Kind, ProviderClient},
        config::{Chosen, OAuthConfig},
        google::Google,
        http::Http,
        line::Line,
        metrics::OAuthMetrics,
    },
};

#[derive(Clone)]
pub struct Providers {
    clients: Vec<ProviderClient>,
    trusted_as_second_factor: Vec<Provider>,
    sign_up_disabled: Vec<Provider>,
    implicit_sign_up_disabled: Vec<Provider>,
    pub metrics: OAuthMetrics,
}

impl Providers {
    pub fn start(
        config: OAuthConfig,
        deployment: &Deployment,
        metrics: OAuthMetrics,
    ) -> anyhow::Result<Self> {
        let mut clients = Vec::new();
        if !config.chosen.is_empty() {
            // Without a provider nothing leaves the house, and no certificates are needed.
            let http = Http::new(config.timeout)?;
            for chosen in config.chosen {
                let line = Line::new(chosen.provider, http.clone(), metrics.clone());
                clients.push(client(chosen, line, deployment));
            }
        }
        Ok(Self {
            clients,
            trusted_as_second_factor: config.trusted_as_second_factor,
            sign_up_disabled: config.sign_up_disabled,
            implicit_sign_up_disabled: config.implicit_sign_up_disabled,
            metrics,
        })
    }

    #[must_use]
    pub fn find(&self, provider: Provider) -> Option<&ProviderClient> {
        self.clients.iter().find(|client| client.provider() == provider)
    }

    #[must_use]
    pub fn named(&self, name: &str) -> Option<&ProviderClient> {
        self.find(Provider::named(name)?)
    }

    /// Whether it stands for a second factor: it asks for one itself.
    #[must_use]
    pub fn is_second_factor(&self, provider: Provider) -> bool {
        self.trusted_as_second_factor.contains(&provider)
    }

    /// Whether it brings new users; `requested`: the page said that it is about one.
    #[must_use]
    pub fn sign_ups(&self, provider: Provider, requested: bool) -> SignUps {
        let closed = self.sign_up_disabled.contains(&provider)
            || (!requested && self.implicit_sign_up_disabled.contains(&provider));
        if closed { SignUps::Closed } else { SignUps::Open }
    }
}

fn client(chosen: Chosen, line: Line, deployment: &Deployment) -> ProviderClient {
    let Chosen { provider, client_id, client_secret, endpoints } = chosen;
    let redirect_uri = format!("{}/api/auth/callback/{provider}", deployment.api_origin);
    let kind = match (provider, endpoints) {
        (_, crate::oauth::config::Endpoints::OpenId(discovery, overrides)) => {
            Kind::Google(Google::new(discovery, overrides))
        }
        (Provider::Discord, crate::oauth::config::Endpoints::Api(api)) => Kind::Discord(api),
        (_, crate::oauth::config::Endpoints::Api(api)) => Kind::GitHub(api),
    };
    ProviderClient { line, client_id, client_secret, redirect_uri, kind }
}
