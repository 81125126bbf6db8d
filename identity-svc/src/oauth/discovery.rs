//! Where an OpenID provider has what (OpenID Connect Discovery 1.0), read from its own
//! document and kept for a while.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::sync::Mutex;
use url::Url;

use crate::oauth::{
    endpoint::Endpoint,
    line::{Line, ProviderError},
};

const KEPT: Duration = Duration::from_hours(1);

/// An OpenID provider, as far as we need to know it.
#[derive(Debug, Clone)]
pub(crate) struct OpenId {
    /// What `iss` may say.
    pub(crate) issuers: Vec<String>,
    pub(crate) authorization: Url,
    pub(crate) token: Endpoint,
    pub(crate) jwks: Endpoint,
    /// Whether it always says who it is on the way back (RFC 9207).
    pub(crate) names_itself: bool,
}

/// The issuer the operator chose, and its document when it was read last.
#[derive(Clone)]
pub(crate) struct Discovery {
    issuer: String,
    document: Endpoint,
    read: Arc<Mutex<Option<(Instant, OpenId)>>>,
}

impl Discovery {
    /// `issuer` is compared as it is written (Discovery 4.3).
    pub(crate) fn of(issuer: &Endpoint, written: &str) -> Self {
        Self {
            issuer: written.to_owned(),
            document: issuer.below("/.well-known/openid-configuration"),
            read: Arc::default(),
        }
    }

    /// Of many who ask at once, one reads.
    pub(crate) async fn current(&self, line: &Line) -> Result<OpenId, ProviderError> {
        let mut read = self.read.lock().await;
        if let Some((at, known)) = read.as_ref()
            && at.elapsed() < KEPT
        {
            return Ok(known.clone());
        }
        let document = line.get(&self.document, None).await?;
        let openid = self.judge(&document)?;
        *read = Some((Instant::now(), openid.clone()));
        Ok(openid)
    }

    fn judge(&self, document: &Value) -> Result<OpenId, ProviderError> {
        let text = |name: &str| document.get(name).and_then(Value::as_str);
        if text("issuer") != Some(&self.issuer) {
            return Err(ProviderError::Malformed("the document of another issuer"));
        }
        let endpoint = |name: &str| {
            let named = text(name).and_then(|text| Endpoint::named_by(&self.document, text).ok());
            named.ok_or(ProviderError::Malformed("an endpoint that is none"))
        };
        Ok(OpenId {
            issuers: vec![self.issuer.clone()],
            authorization: endpoint("authorization_endpoint")?.url,
            token: endpoint("token_endpoint")?,
            jwks: endpoint("jwks_uri")?,
            names_itself: document.get("authorization_response_iss_parameter_supported")
                == Some(&Value::Bool(true)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn judge(change: impl FnOnce(&mut Value)) -> Result<OpenId, ProviderError> {
        let issuer = "https://id.example/realm";
        let discovery = Discovery::of(&issuer.parse().expect("an address"), issuer);
        let mut document = json!({
            "issuer": issuer,
            "authorization_endpoint": "https://id.example/realm/auth",
            "token_endpoint": "https://id.example/realm/token",
            "jwks_uri": "https://keys.example/jwks",
        });
        change(&mut document);
        discovery.judge(&document)
    }

    #[test]
    fn a_document_speaks_for_its_own_issuer() {
        let openid = judge(|_| ()).expect("in order");
        assert_eq!(openid.issuers, ["https://id.example/realm"]);
        assert!(!openid.names_itself);
        for issuer in ["https://id.example/realm/", "https://evil.example/realm", ""] {
            assert!(judge(|document| document["issuer"] = json!(issuer)).is_err(), "{issuer}");
        }
    }

    #[test]
    fn an_endpoint_is_an_address_we_may_ask() {
        for name in ["authorization_endpoint", "token_endpoint", "jwks_uri"] {
            for odd in
                [json!("http://169.254.169.254/x"), json!("javascript:x"), json!(1), json!(null)]
            {
                assert!(judge(|document| document[name] = odd.clone()).is_err(), "{name}: {odd}");
            }
        }
    }
}
