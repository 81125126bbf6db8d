//! Google, or any OpenID provider in its place.

use auth_types::Timestamp;
use serde_json::Value;
use url::Url;

use crate::{
    model::social::{SocialProfile, profile},
    oauth::{
        discovery::{Discovery, OpenId},
        endpoint::Endpoint,
        id_token::{self, Expected, IdTokenError},
        jwks::Keys,
        line::{Line, ProviderError},
    },
};

/// Endpoints that the operator set one by one; they count before the document's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overrides {
    pub(crate) authorization: Option<Endpoint>,
    pub(crate) token: Option<Endpoint>,
    pub(crate) jwks: Option<Endpoint>,
}

#[derive(Clone)]
pub(crate) struct Google {
    /// None for Google itself, whose addresses everybody knows.
    discovery: Option<Discovery>,
    overrides: Overrides,
    keys: Keys,
}

impl Google {
    pub(crate) fn new(discovery: Option<Discovery>, overrides: Overrides) -> Self {
        Self { discovery, overrides, keys: Keys::default() }
    }

    pub(crate) async fn openid(&self, line: &Line) -> Result<OpenId, ProviderError> {
        let mut openid = match &self.discovery {
            Some(discovery) => discovery.current(line).await?,
            None => itself(),
        };
        let Overrides { authorization, token, jwks } = self.overrides.clone();
        openid.authorization = authorization.map_or(openid.authorization, |endpoint| endpoint.url);
        openid.token = token.unwrap_or(openid.token);
        openid.jwks = jwks.unwrap_or(openid.jwks);
        Ok(openid)
    }

    /// Whom an id token is about, and all that it says.
    pub(crate) async fn profile(
        &self,
        line: &Line,
        token: &str,
        (client_id, nonce): (&str, Option<&str>),
        now: Timestamp,
    ) -> Result<(SocialProfile, Value), ProviderError> {
        let openid = self.openid(line).await?;
        let expected = Expected { issuers: &openid.issuers, client_id, nonce };
        let keys = self.keys.current(line, &openid.jwks).await?;
        let claims = match id_token::verify(token, &keys, expected, now) {
            Err(IdTokenError::UnknownKey) => {
                let keys = self.keys.renewed(line, &openid.jwks).await?;
                id_token::verify(token, &keys, expected, now)
            }
            judged => judged,
        }?;
        Ok((profile::of_google(&claims)?, claims))
    }
}

/// As <https://accounts.google.com/.well-known/openid-configuration> has it.
fn itself() -> OpenId {
    let url = Endpoint::well_known;
    OpenId {
        // Google's tokens may leave the scheme out (contract 8.8).
        issuers: vec!["https://accounts.google.com".into(), "accounts.google.com".into()],
        authorization: Url::clone(&url("https://accounts.google.com/o/oauth2/v2/auth").url),
        token: url("https://oauth2.googleapis.com/token"),
        jwks: url("https://www.googleapis.com/oauth2/v3/certs"),
        names_itself: false,
    }
}
