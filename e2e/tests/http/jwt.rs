//! Checking what the gateway signs, as an upstream would: by its published keys.

use e2e::Browser;
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation, decode, decode_header,
    jwk::{Jwk, JwkSet},
};
use serde_json::Value;

pub(crate) async fn published_keys(browser: &Browser) -> JwkSet {
    let answer = browser.clone().get("/.well-known/jwks.json").await.expect(200);
    serde_json::from_str(&answer.body).expect("a set of keys")
}

/// The claims, if this key signed them for this audience and they are in time.
pub(crate) fn verified(token: &str, key: &Jwk, audience: &str) -> Option<Value> {
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&[audience]);
    validation.leeway = 0;
    let key = DecodingKey::from_jwk(key).expect("a key");
    decode(token, &key, &validation).ok().map(|data| data.claims)
}

/// The claims, by the one key that the token names; no other verifies it.
#[track_caller]
pub(crate) fn claims(token: &str, keys: &JwkSet, audience: &str) -> Value {
    let header = decode_header(token).expect("a header");
    assert_eq!(header.alg, Algorithm::EdDSA);
    let id = header.kid.expect("a token names its key");
    let named = |key: &&Jwk| key.common.key_id.as_ref() == Some(&id);
    for key in keys.keys.iter().filter(|key| !named(key)) {
        assert_eq!(verified(token, key, audience), None, "another key verifies it");
    }
    let key = keys.keys.iter().find(named).expect("a published key");
    verified(token, key, audience).expect("the named key verifies it")
}
