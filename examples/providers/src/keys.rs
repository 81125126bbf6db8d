//! The keys of the OpenID provider: one for RS256 that is always there, and others, for
//! ES256, that come into being when they are first named.

use std::collections::BTreeMap;
use std::sync::Mutex;

use anyhow::{Context, Result};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header, jwk::Jwk};
use rcgen::{KeyPair, PublicKeyData};
use serde_json::{Value, json};

use crate::wish::Signing;

const RSA: &[u8] = include_bytes!("../keys/rsa-2048.pkcs1.der");
const RSA_NAME: &str = "rsa";

#[derive(Default)]
pub(crate) struct Keys(Mutex<BTreeMap<String, KeyPair>>);

impl Keys {
    pub(crate) fn sign(&self, claims: &Value, signing: Option<&Signing>) -> Result<String> {
        match signing {
            None | Some(Signing::Rsa) => {
                jwt(Algorithm::RS256, RSA_NAME, claims, &EncodingKey::from_rsa_der(RSA))
            }
            Some(Signing::Key(name)) => {
                let mut keys = self.0.lock().ok().context("a poisoned lock")?;
                if !keys.contains_key(name) {
                    keys.insert(name.clone(), KeyPair::generate()?);
                }
                let key = keys.get(name).context("just made")?;
                jwt(Algorithm::ES256, name, claims, &EncodingKey::from_ec_der(&key.serialize_der()))
            }
            Some(Signing::Foreign) => {
                let key = KeyPair::generate()?;
                let key = EncodingKey::from_ec_der(&key.serialize_der());
                jwt(Algorithm::ES256, "foreign", claims, &key)
            }
            Some(Signing::Hmac(secret)) => jwt(
                Algorithm::HS256,
                RSA_NAME,
                claims,
                &EncodingKey::from_secret(secret.as_bytes()),
            ),
            Some(Signing::None) => {
                let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
                Ok(format!("{}.{}.", part(&json!({ "alg": "none" })), part(claims)))
            }
        }
    }

    /// What is published of them (RFC 7517).
    pub(crate) fn published(&self) -> Result<Value> {
        let rsa = Jwk::from_encoding_key(&EncodingKey::from_rsa_der(RSA), Algorithm::RS256)?;
        let mut rsa = serde_json::to_value(rsa)?;
        rsa["kid"] = json!(RSA_NAME);
        rsa["use"] = json!("sig");
        let keys = self.0.lock().ok().context("a poisoned lock")?;
        let named = keys.iter().map(|(name, key)| {
            let point = key.der_bytes();
            let coordinate = |range| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
            json!({
                "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": name,
                "x": coordinate(1..33), "y": coordinate(33..65),
            })
        });
        Ok(json!({ "keys": std::iter::once(rsa).chain(named).collect::<Vec<_>>() }))
    }
}

fn jwt(algorithm: Algorithm, name: &str, claims: &Value, key: &EncodingKey) -> Result<String> {
    let mut header = Header::new(algorithm);
    header.kid = Some(name.to_owned());
    Ok(jsonwebtoken::encode(&header, claims, key)?)
}
