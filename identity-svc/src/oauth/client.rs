//! One provider: where to send a browser, what its code is worth, who it is.

use std::{fmt, pin::Pin, time::Duration};

use auth_types::{StateToken, Timestamp};
use oauth2::{
    AsyncHttpClient, AuthType, AuthUrl, AuthorizationCode, Client, ClientId, ClientSecret,
    CsrfToken, ExtraTokenFields, HttpRequest, HttpResponse, PkceCodeChallenge, PkceCodeVerifier,
    RedirectUrl, RefreshToken, RequestTokenError, Scope, StandardRevocableToken,
    StandardTokenResponse, TokenResponse, TokenUrl,
    basic::{
        BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse,
        BasicTokenType,
    },
};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use url::Url;

use crate::{
    model::social::{
        Provider, SocialProfile,
        flow::FlowSecrets,
        profile,
        tokens::{ProviderTokens, TokenSecrets},
    },
    oauth::{
        apis,
        endpoint::Endpoint,
        google::Google,
        line::{Line, ProviderError},
    },
};

/// No token lives longer, whatever its answer says: ten years.
const LONGEST: Duration = Duration::from_hours(10 * 365 * 24);

/// Where the browser is to be sent with what.
pub struct Authorization<'a> {
    pub state: &'a StateToken,
    pub secrets: &'a FlowSecrets,
    /// Besides those that are always asked for.
    pub scopes: &'a [String],
    pub login_hint: Option<&'a str>,
    /// Parameters of the page's own; none of those that are ours.
    pub additional: &'a [(String, String)],
}

/// Whom a provider vouches for, and its own words.
#[derive(Debug, Clone)]
pub struct Vouched {
    pub profile: SocialProfile,
    pub raw: Value,
}

#[derive(Clone)]
pub struct ProviderClient {
    pub(crate) line: Line,
    pub(crate) client_id: String,
    pub(crate) client_secret: SecretString,
    pub(crate) redirect_uri: String,
    pub(crate) kind: Kind,
}

#[derive(Clone)]
pub(crate) enum Kind {
    Google(Google),
    GitHub(Api),
    Discord(Api),
}

#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(crate) authorization: Url,
    pub(crate) token: Endpoint,
    pub(crate) base: Endpoint,
}

/// Of a token answer, besides what RFC 6749 has.
#[derive(Serialize, Deserialize)]
struct Extra {
    id_token: Option<String>,
    refresh_token_expires_in: Option<u64>,
}

impl fmt::Debug for Extra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Extra(..)")
    }
}

impl ExtraTokenFields for Extra {}

/// The line to the provider, as the crate wants it.
struct Ask<'a> {
    line: &'a Line,
    endpoint: Endpoint,
}

impl<'c> AsyncHttpClient<'c> for Ask<'_> {
    type Error = ProviderError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, ProviderError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.line.send(&self.endpoint, request))
    }
}

type Answer = StandardTokenResponse<Extra, BasicTokenType>;
type OAuth2 = Client<
    BasicErrorResponse,
    Answer,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

impl ProviderClient {
    #[must_use]
    pub fn provider(&self) -> Provider {
        self.line.provider
    }

    /// Where the browser is to go. PKCE is always asked for, by S256 (RFC 7636, 4.2).
    pub async fn authorization_url(
        &self,
        request: Authorization<'_>,
    ) -> Result<Url, ProviderError> {
        let endpoint = match &self.kind {
            Kind::Google(google) => google.openid(&self.line).await?.authorization,
            Kind::GitHub(api) | Kind::Discord(api) => api.authorization.clone(),
        };
        let verifier = PkceCodeVerifier::new(request.secrets.code_verifier.clone());
        let scopes = self.provider().scopes().iter().copied();
        let scopes = scopes.chain(request.scopes.iter().map(String::as_str));
        let client = self.oauth2()?.set_auth_uri(AuthUrl::from_url(endpoint));
        let state = CsrfToken::new(request.state.expose().to_owned());
        let mut url = client
            .authorize_url(|| state)
            .add_scopes(scopes.map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        match self.provider() {
            Provider::Google => {
                url = url.add_extra_param("nonce", request.secrets.nonce.clone());
                url = url.add_extra_param("include_granted_scopes", "true");
            }
            Provider::Discord => url = url.add_extra_param("prompt", "none"),
            Provider::GitHub => {}
        }
        if let Some(hint) = request.login_hint.filter(|_| self.provider() != Provider::Discord) {
            let name = if self.provider() == Provider::GitHub { "login" } else { "login_hint" };
            url = url.add_extra_param(name, hint.to_owned());
        }
        for (name, value) in request.additional {
            url = url.add_extra_param(name.clone(), value.clone());
        }
        Ok(url.url().0)
    }

    /// What a code is worth. The provider itself checks the verifier against the challenge
    /// that the browser brought it.
    pub async fn exchange(
        &self,
        code: &str,
        secrets: &FlowSecrets,
        now: Timestamp,
    ) -> Result<ProviderTokens, ProviderError> {
        let endpoint = self.token_endpoint().await?;
        let client = self.oauth2()?.set_token_uri(TokenUrl::from_url(endpoint.url.clone()));
        let ask = Ask { line: &self.line, endpoint };
        let answer = client
            .exchange_code(AuthorizationCode::new(code.to_owned()))
            .set_pkce_verifier(PkceCodeVerifier::new(secrets.code_verifier.clone()))
            .request_async(&ask)
            .await;
        answer.map(|answer| tokens(&answer, now)).map_err(failed)
    }

    pub async fn refresh(
        &self,
        refresh_token: &str,
        now: Timestamp,
    ) -> Result<ProviderTokens, ProviderError> {
        let endpoint = self.token_endpoint().await?;
        let client = self.oauth2()?.set_token_uri(TokenUrl::from_url(endpoint.url.clone()));
        let ask = Ask { line: &self.line, endpoint };
        let token = RefreshToken::new(refresh_token.to_owned());
        let answer = client.exchange_refresh_token(&token).request_async(&ask).await;
        answer.map(|answer| tokens(&answer, now)).map_err(failed)
    }

    /// Whom the tokens are of. `nonce` is that of the sign-in they came from.
    pub async fn vouch(
        &self,
        tokens: &TokenSecrets,
        nonce: &str,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        match &self.kind {
            Kind::Google(_) => {
                let token = tokens.id_token.as_deref();
                let token = token.ok_or(ProviderError::Malformed("no id token"))?;
                self.vouch_by_id_token(token, Some(nonce), now).await
            }
            Kind::GitHub(_) | Kind::Discord(_) => self.look_up(tokens).await,
        }
    }

    /// Whom an id token is of, wherever it comes from. Only who speaks OpenID Connect has
    /// such tokens.
    pub async fn vouch_by_id_token(
        &self,
        token: &str,
        nonce: Option<&str>,
        now: Timestamp,
    ) -> Result<Vouched, ProviderError> {
        let Kind::Google(google) = &self.kind else {
            return Err(ProviderError::Malformed("an id token"));
        };
        let whose = (self.client_id.as_str(), nonce);
        let (profile, raw) = google.profile(&self.line, token, whose, now).await?;
        Ok(Vouched { profile, raw })
    }

    /// Asks the provider who the tokens are of; for an id token, reads what it said when
    /// it was judged.
    pub async fn look_up(&self, tokens: &TokenSecrets) -> Result<Vouched, ProviderError> {
        let access =
            || tokens.access_token.as_deref().ok_or(ProviderError::Malformed("no access token"));
        let (profile, raw) = match &self.kind {
            Kind::GitHub(api) => apis::github(&self.line, &api.base, access()?).await?,
            Kind::Discord(api) => apis::discord(&self.line, &api.base, access()?).await?,
            Kind::Google(_) => {
                let token = tokens.id_token.as_deref();
                let token = token.ok_or(ProviderError::Malformed("no id token"))?;
                let claims: Value = jsonwebtoken::dangerous::insecure_decode_claims(token)
                    .map_err(|_| ProviderError::Malformed("an id token"))?;
                (profile::of_google(&claims)?, claims)
            }
        };
        Ok(Vouched { profile, raw })
    }

    #[must_use]
    pub fn takes_id_tokens(&self) -> bool {
        matches!(self.kind, Kind::Google(_))
    }

    /// Whether an answer that names its issuer, or does not, can be the provider's (RFC
    /// 9207, 2.4).
    pub async fn is_issuer(&self, named: Option<&str>) -> Result<bool, ProviderError> {
        let Kind::Google(google) = &self.kind else { return Ok(true) };
        let openid = google.openid(&self.line).await?;
        Ok(match named {
            Some(named) => openid.issuers.iter().any(|issuer| issuer == named),
            None => !openid.names_itself,
        })
    }

    async fn token_endpoint(&self) -> Result<Endpoint, ProviderError> {
        Ok(match &self.kind {
            Kind::Google(google) => google.openid(&self.line).await?.token,
            Kind::GitHub(api) | Kind::Discord(api) => api.token.clone(),
        })
    }

    fn oauth2(&self) -> Result<OAuth2, ProviderError> {
        let redirect = RedirectUrl::new(self.redirect_uri.clone());
        Ok(OAuth2::new(ClientId::new(self.client_id.clone()))
            .set_client_secret(ClientSecret::new(self.client_secret.expose_secret().to_owned()))
            .set_auth_type(AuthType::RequestBody)
            .set_redirect_uri(redirect.map_err(|_| ProviderError::Malformed("our own address"))?))
    }
}

fn tokens(answer: &Answer, now: Timestamp) -> ProviderTokens {
    let after = |life: Duration| now + life.min(LONGEST);
    let extra = answer.extra_fields();
    // GitHub separates them by commas.
    let scopes = answer.scopes().into_iter().flatten().flat_map(|scope| scope.split(','));
    ProviderTokens {
        secrets: TokenSecrets {
            access_token: Some(answer.access_token().secret().clone()),
            refresh_token: answer.refresh_token().map(|token| token.secret().clone()),
            id_token: extra.id_token.clone(),
        },
        access_token_expires_at: answer.expires_in().map(after),
        refresh_token_expires_at: extra
            .refresh_token_expires_in
            .map(|seconds| after(Duration::from_secs(seconds))),
        scopes: scopes.filter(|scope| !scope.is_empty()).map(str::to_owned).collect(),
    }
}

fn failed(error: RequestTokenError<ProviderError, BasicErrorResponse>) -> ProviderError {
    match error {
        RequestTokenError::Request(error) => error,
        RequestTokenError::ServerResponse(refusal) => {
            let named = format!("{:?}", refusal.error());
            ProviderError::Refused(named.chars().take(64).collect())
        }
        RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
            ProviderError::Malformed("a token answer")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_is_read_as_each_provider_writes_it() {
        let now: Timestamp =
            serde_json::from_value("2026-11-23T23:52:45.438Z".into()).expect("an instant");
        let read = |answer: Value| {
            let answer: Answer = serde_json::from_value(answer).expect("a token answer");
            tokens(&answer, now)
        };
        let github = json!({
            "access_token": "gho_x", "token_type": "bearer", "scope": "read:user,user:email",
            "expires_in": 28800, "refresh_token": "ghr_x", "refresh_token_expires_in": 15_897_600,
        });
        let github = read(github);
        assert_eq!(github.scopes, ["read:user", "user:email"]);
        assert_eq!(github.access_token_expires_at, Some(now + Duration::from_hours(8)));
        assert_eq!(github.refresh_token_expires_at, Some(now + Duration::from_hours(4416)));
        let discord =
            read(json!({ "access_token": "x", "token_type": "Bearer", "scope": "identify email" }));
        assert_eq!(discord.scopes, ["identify", "email"]);
        let endless =
            read(json!({ "access_token": "x", "token_type": "bearer", "expires_in": u64::MAX }));
        assert_eq!(endless.access_token_expires_at, Some(now + LONGEST));
    }
}
