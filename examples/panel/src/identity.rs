//! Who is asking, according to the gateway.
//!
//! `X-Identity-Token` is a JWT the gateway signs with Ed25519 and which lives
//! for a minute. Verifying it, instead of believing plain headers, means that a
//! caller who gets around the gateway gets nothing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use axum::Json;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header, get_current_timestamp,
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::json;
use tokio::sync::Mutex;

/// An unknown key may be a new one, or made up: ask, but not for every request.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(3);
/// So that a key the gateway has withdrawn is not believed for ever.
const BELIEVE_KEYS_FOR: Duration = Duration::from_mins(5);

/// Seconds.
const LEEWAY: u64 = 5;

/// What a verified token says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    /// The user's id.
    pub(crate) sub: String,
    /// The session's id.
    pub(crate) sid: String,
    pub(crate) email: String,
    pub(crate) name: String,
    /// One role, or several with commas in between.
    pub(crate) role: String,
    pub(crate) iat: u64,
    pub(crate) exp: u64,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// No token, or not one of the gateway's.
    Unauthorized,
    /// We cannot tell, for we cannot get the keys.
    KeysUnavailable,
}

pub(crate) struct Verifier {
    jwks_url: String,
    validation: Validation,
    http: reqwest::Client,
    keys: Mutex<Keys>,
}

struct Keys {
    set: JwkSet,
    fetched: Option<Instant>,
    asked: Option<Instant>,
}

impl Verifier {
    pub(crate) fn new(jwks_url: String, issuer: &str, audience: &str) -> Result<Arc<Self>> {
        // Only this algorithm: the token must not choose how it is checked.
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        validation.validate_nbf = true;
        validation.leeway = LEEWAY; // for clocks that differ a little
        let http = reqwest::Client::builder().timeout(Duration::from_secs(2)).build()?;
        let keys =
            Mutex::new(Keys { set: JwkSet { keys: Vec::new() }, fetched: None, asked: None });
        Ok(Arc::new(Self { jwks_url, validation, http, keys }))
    }

    pub(crate) async fn verify<C: DeserializeOwned>(&self, token: &str) -> Result<C, Refused> {
        let header = decode_header(token).map_err(|_| Refused::Unauthorized)?;
        let key_id = header.kid.ok_or(Refused::Unauthorized)?;
        let key = self.key(&key_id).await?;
        let key = DecodingKey::from_jwk(&key).map_err(|_| Refused::Unauthorized)?;
        let token = decode(token, &key, &self.validation).map_err(|_| Refused::Unauthorized)?;
        let claims: Claims = token.claims;
        // The library looks at `exp` and `nbf` only.
        if claims.iat > get_current_timestamp() + LEEWAY {
            return Err(Refused::Unauthorized);
        }
        Ok(claims)
    }

    /// Whoever comes while the keys are being fetched waits for them, so that
    /// they are fetched once.
    async fn key(&self, key_id: &str) -> Result<Jwk, Refused> {
        let mut keys = self.keys.lock().await;
        let fresh = keys.fetched.is_some_and(|at| at.elapsed() < BELIEVE_KEYS_FOR);
        if let Some(key) = keys.set.find(key_id).filter(|_| fresh) {
            return Ok(key.clone());
        }
        if keys.asked.is_none_or(|at| at.elapsed() >= ASK_AGAIN_AFTER) {
            keys.asked = Some(Instant::now());
            match self.fetch().await {
                Ok(set) => {
                    keys.set = set;
                    keys.fetched = Some(Instant::now());
                }
                Err(error) => tracing::warn!(%error, "cannot fetch the gateway's keys"),
            }
        }
        match keys.fetched {
            Some(at) if at.elapsed() < BELIEVE_KEYS_FOR => {
                keys.set.find(key_id).cloned().ok_or(Refused::Unauthorized)
            }
            _ => Err(Refused::KeysUnavailable),
        }
    }

    async fn fetch(&self) -> reqwest::Result<JwkSet> {
        self.http.get(&self.jwks_url).send().await?.error_for_status()?.json().await
    }
}

/// A handler that takes `Claims` cannot be reached without them.
impl<S: Sync> FromRequestParts<S> for Claims
where
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refused> {
        let token = parts.headers.get("x-identity-token").ok_or(Refused::Unauthorized)?;
        let token = token.to_str().map_err(|_| Refused::Unauthorized)?;
        Arc::<Verifier>::from_ref(state).verify(token).await
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Unauthorized => (StatusCode::UNAUTHORIZED, "Unauthorized"),
            Self::KeysUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "Service unavailable"),
        };
        (status, Json(json!({ "error": error }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use axum::Router;
    use axum::routing::get;
    use jsonwebtoken::{EncodingKey, Header, encode};
    use tokio::net::TcpListener;

    use super::*;

    /// The key pair of RFC 8037, appendix A.
    const SECRET: [u8; 32] = [
        0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c,
        0xc4, 0x44, 0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae,
        0x7f, 0x60,
    ];
    const PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

    async fn gateway() -> String {
        let key = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "k1", "x": PUBLIC });
        let keys = Router::new().route("/jwks", get(async move || Json(json!({ "keys": [key] }))));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, keys).await });
        url
    }

    async fn verifier() -> Arc<Verifier> {
        Verifier::new(gateway().await, "http://gateway", "panel").unwrap()
    }

    fn claims() -> Claims {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
        Claims {
            iss: "http://gateway".to_owned(),
            aud: "panel".to_owned(),
            sub: "user-1".to_owned(),
            sid: "session-1".to_owned(),
            email: "ada@example.com".to_owned(),
            name: "Ada".to_owned(),
            role: "user".to_owned(),
            iat: now,
            exp: now + 60,
        }
    }

    fn signed(claims: &Claims, key_id: &str) -> String {
        let pkcs8 =
            [&b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20"[..], &SECRET]
                .concat();
        let header = Header { kid: Some(key_id.to_owned()), ..Header::new(Algorithm::EdDSA) };
        encode(&header, claims, &EncodingKey::from_ed_der(&pkcs8)).unwrap()
    }

    #[tokio::test]
    async fn the_gateways_word_is_believed() {
        let found: Claims = verifier().await.verify(&signed(&claims(), "k1")).await.unwrap();
        assert_eq!((found.sub.as_str(), found.role.as_str()), ("user-1", "user"));
    }

    #[tokio::test]
    async fn nobody_elses_word_is() {
        let verifier = verifier().await;
        let wrong = [
            Claims { aud: "other".to_owned(), ..claims() },
            Claims { aud: "ws".to_owned(), ..claims() },
            Claims { iss: "http://elsewhere".to_owned(), ..claims() },
            Claims { exp: claims().iat - 60, ..claims() },
            Claims { iat: claims().iat + 3600, exp: claims().exp + 3600, ..claims() },
        ];
        for claims in wrong {
            assert_eq!(
                verifier.verify::<Claims>(&signed(&claims, "k1")).await.err(),
                Some(Refused::Unauthorized),
                "{claims:?}"
            );
        }
        assert_eq!(
            verifier.verify::<Claims>(&signed(&claims(), "k2")).await.err(),
            Some(Refused::Unauthorized)
        );
        assert_eq!(
            verifier.verify::<Claims>("not a token").await.err(),
            Some(Refused::Unauthorized)
        );

        let good = signed(&claims(), "k1");
        let (rest, signature) = good.rsplit_once('.').unwrap();
        let reversed: String = signature.chars().rev().collect();
        assert_eq!(
            verifier.verify::<Claims>(&format!("{rest}.{reversed}")).await.err(),
            Some(Refused::Unauthorized)
        );
    }

    #[tokio::test]
    async fn a_token_does_not_choose_how_it_is_checked() {
        let header = Header { kid: Some("k1".to_owned()), ..Header::new(Algorithm::HS256) };
        let token =
            encode(&header, &claims(), &EncodingKey::from_secret(PUBLIC.as_bytes())).unwrap();
        assert_eq!(
            verifier().await.verify::<Claims>(&token).await.err(),
            Some(Refused::Unauthorized)
        );
    }

    #[tokio::test]
    async fn without_keys_nobody_is_believed_and_nobody_is_refused() {
        let verifier =
            Verifier::new("http://127.0.0.1:1/jwks".to_owned(), "http://gateway", "panel").unwrap();
        assert_eq!(
            verifier.verify::<Claims>(&signed(&claims(), "k1")).await.err(),
            Some(Refused::KeysUnavailable)
        );
    }
}
