//! Judging an id token (OpenID Connect Core 3.1.3.7): who made it, for whom, when, and
//! for which sign-in. No I/O: the keys and the time come from outside.

use std::time::Duration;

use auth_types::Timestamp;
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jsonwebtoken::{
    Algorithm, DecodingKey, Validation,
    jwk::{AlgorithmParameters, Jwk, JwkSet, KeyAlgorithm, PublicKeyUse},
};
use serde_json::{Map, Value};

/// How far the provider's clock and ours may differ.
const LEEWAY: Duration = Duration::from_secs(30);
/// A token that was made longer ago is of another sign-in (contract 8.8).
const MAX_AGE: Duration = Duration::from_hours(1);

/// What is wrong with an id token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IdTokenError {
    #[error("it is no signed JWT")]
    Malformed,
    #[error("its algorithm is neither RS256 nor ES256, or is not its key's")]
    Algorithm,
    #[error("its key is not among the issuer's")]
    UnknownKey,
    #[error("its signature is wrong")]
    Signature,
    #[error("a claim is missing or of a wrong type")]
    Claims,
    #[error("another issuer made it")]
    Issuer,
    #[error("it was made for somebody else")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("it was made too long ago, or is yet to be made")]
    Age,
    #[error("it belongs to another sign-in")]
    Nonce,
}

/// What it has to say.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) issuers: &'a [String],
    pub(crate) client_id: &'a str,
    /// The nonce of the sign-in; none where the sign-in did not go through us.
    pub(crate) nonce: Option<&'a str>,
}

/// The claims of a token in which all of it is right.
pub(crate) fn verify(
    token: &str,
    keys: &JwkSet,
    expected: Expected<'_>,
    now: Timestamp,
) -> Result<Value, IdTokenError> {
    let (algorithm, kid) = read_header(token)?;
    let key = find_key(keys, algorithm, kid.as_deref())?;
    let claims = check_signature(token, algorithm, key)?;
    check_issuer(&claims, expected.issuers)?;
    check_audience(&claims, expected.client_id)?;
    check_times(&claims, now)?;
    check_nonce(&claims, expected.nonce)?;
    text(&claims, "sub").ok_or(IdTokenError::Claims)?;
    Ok(Value::Object(claims))
}

fn read_header(token: &str) -> Result<(Algorithm, Option<String>), IdTokenError> {
    let encoded = token.split('.').next().unwrap_or_default();
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(encoded).map_err(|_| IdTokenError::Malformed)?;
    let header: Map<String, Value> =
        serde_json::from_slice(&bytes).map_err(|_| IdTokenError::Malformed)?;
    // `crit` asks for rules that we do not know (RFC 7515, 4.1.11); another `typ` says
    // that it is another kind of token.
    let is_id_token = text(&header, "typ").is_none_or(|typ| typ.eq_ignore_ascii_case("JWT"));
    if header.contains_key("crit") || !is_id_token {
        return Err(IdTokenError::Malformed);
    }
    let algorithm = match text(&header, "alg") {
        Some("RS256") => Algorithm::RS256,
        Some("ES256") => Algorithm::ES256,
        _ => return Err(IdTokenError::Algorithm),
    };
    Ok((algorithm, text(&header, "kid").map(str::to_owned)))
}

/// The key that is named; where none is, there must be only one that fits.
fn find_key<'a>(
    keys: &'a JwkSet,
    algorithm: Algorithm,
    kid: Option<&str>,
) -> Result<&'a Jwk, IdTokenError> {
    let mut fitting = keys.keys.iter().filter(|key| fits(key, algorithm));
    match kid {
        Some(kid) => fitting
            .find(|key| key.common.key_id.as_deref() == Some(kid))
            .ok_or(IdTokenError::UnknownKey),
        None => match (fitting.next(), fitting.next()) {
            (Some(only), None) => Ok(only),
            _ => Err(IdTokenError::UnknownKey),
        },
    }
}

/// A key says itself what it is for; a token must not choose.
fn fits(key: &Jwk, algorithm: Algorithm) -> bool {
    let (kind, named) = match (&key.algorithm, algorithm) {
        (AlgorithmParameters::RSA(_), Algorithm::RS256) => (true, KeyAlgorithm::RS256),
        (AlgorithmParameters::EllipticCurve(_), Algorithm::ES256) => (true, KeyAlgorithm::ES256),
        (_, _) => (false, KeyAlgorithm::RS256),
    };
    let used = matches!(key.common.public_key_use, None | Some(PublicKeyUse::Signature));
    kind && used && key.common.key_algorithm.is_none_or(|its| its == named)
}

fn check_signature(
    token: &str,
    algorithm: Algorithm,
    key: &Jwk,
) -> Result<Map<String, Value>, IdTokenError> {
    let key = DecodingKey::from_jwk(key).map_err(|_| IdTokenError::Algorithm)?;
    let mut validation = Validation::new(algorithm);
    // The claims are judged below, by our clock.
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    match jsonwebtoken::decode(token, &key, &validation) {
        Ok(data) => Ok(data.claims),
        Err(error) => match error.kind() {
            jsonwebtoken::errors::ErrorKind::InvalidSignature => Err(IdTokenError::Signature),
            _ => Err(IdTokenError::Malformed),
        },
    }
}

fn check_issuer(claims: &Map<String, Value>, issuers: &[String]) -> Result<(), IdTokenError> {
    let issuer = text(claims, "iss").ok_or(IdTokenError::Claims)?;
    if issuers.iter().any(|known| known == issuer) { Ok(()) } else { Err(IdTokenError::Issuer) }
}

/// For us; and where it is for others too, the one it was made for is us (`azp`).
fn check_audience(claims: &Map<String, Value>, client_id: &str) -> Result<(), IdTokenError> {
    let audiences: Vec<&str> = match claims.get("aud") {
        Some(Value::String(audience)) => vec![audience],
        Some(Value::Array(list)) => {
            list.iter().map(Value::as_str).collect::<Option<_>>().ok_or(IdTokenError::Claims)?
        }
        _ => return Err(IdTokenError::Claims),
    };
    let party = match claims.get("azp") {
        None => None,
        Some(party) => Some(party.as_str().ok_or(IdTokenError::Claims)?),
    };
    let is_ours = audiences.contains(&client_id)
        && party.is_none_or(|party| party == client_id)
        && (audiences.len() == 1 || party.is_some());
    if is_ours { Ok(()) } else { Err(IdTokenError::Audience) }
}

fn check_times(claims: &Map<String, Value>, now: Timestamp) -> Result<(), IdTokenError> {
    let seconds = |name: &str| claims.get(name).and_then(Value::as_i64).ok_or(IdTokenError::Claims);
    let (made, expires, now) = (seconds("iat")?, seconds("exp")?, now.unix_seconds());
    let span = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    let leeway = span(LEEWAY);
    if now >= expires.saturating_add(leeway) {
        return Err(IdTokenError::Expired);
    }
    let oldest = now - span(MAX_AGE) - leeway;
    let starts = match claims.get("nbf") {
        None => made,
        Some(_) => seconds("nbf")?.max(made),
    };
    if starts > now + leeway || made < oldest { Err(IdTokenError::Age) } else { Ok(()) }
}

fn check_nonce(claims: &Map<String, Value>, expected: Option<&str>) -> Result<(), IdTokenError> {
    match expected {
        Some(expected) if text(claims, "nonce") != Some(expected) => Err(IdTokenError::Nonce),
        _ => Ok(()),
    }
}

fn text<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    claims.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{EncodingKey, Header};
    use rcgen::PublicKeyData;
    use serde_json::json;

    const NOW: i64 = 1_795_475_368;
    const CLIENT: &str = "our-client.apps.example";

    /// A P-256 key and what its issuer publishes of it.
    struct Key {
        kid: &'static str,
        signs: EncodingKey,
        public: Value,
    }

    impl Key {
        fn generate(kid: &'static str) -> Self {
            let pair = rcgen::KeyPair::generate().expect("a key");
            let point = pair.der_bytes();
            let coordinate =
                |range: std::ops::Range<usize>| BASE64_URL_SAFE_NO_PAD.encode(&point[range]);
            let public = json!({
                "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
                "x": coordinate(1..33), "y": coordinate(33..65),
            });
            Self { kid, signs: EncodingKey::from_ec_der(&pair.serialize_der()), public }
        }

        fn sign(&self, claims: &Value) -> String {
            let mut header = Header::new(Algorithm::ES256);
            header.kid = Some(self.kid.to_owned());
            jsonwebtoken::encode(&header, claims, &self.signs).expect("signs")
        }
    }

    fn set(keys: &[&Key]) -> JwkSet {
        let keys: Vec<_> = keys.iter().map(|key| key.public.clone()).collect();
        serde_json::from_value(json!({ "keys": keys })).expect("a key set")
    }

    fn claims() -> Value {
        json!({
            "iss": "https://accounts.google.com", "aud": CLIENT, "azp": CLIENT, "sub": "110169",
            "iat": NOW - 5, "exp": NOW + 3600, "nonce": "n-0S6_WzA2Mj",
            "email": "ann@example.com", "email_verified": true,
        })
    }

    fn with(name: &str, value: Value) -> Value {
        let mut claims = claims();
        claims[name] = value;
        claims
    }

    fn without(name: &str) -> Value {
        let mut claims = claims();
        claims.as_object_mut().expect("an object").remove(name);
        claims
    }

    fn at(seconds: i64) -> Timestamp {
        let epoch: Timestamp =
            serde_json::from_value("1970-01-01T00:00:00.000Z".into()).expect("an instant");
        epoch + Duration::from_secs(seconds.unsigned_abs())
    }

    fn judge(token: &str, keys: &JwkSet) -> Result<Value, IdTokenError> {
        let issuers = ["https://accounts.google.com".to_owned(), "accounts.google.com".to_owned()];
        let expected =
            Expected { issuers: &issuers, client_id: CLIENT, nonce: Some("n-0S6_WzA2Mj") };
        verify(token, keys, expected, at(NOW))
    }

    #[test]
    fn every_claim_has_to_be_right() {
        let key = Key::generate("k1");
        let keys = set(&[&key]);
        assert_eq!(judge(&key.sign(&claims()), &keys), Ok(claims()));
        let mut accepted = vec![
            with("iss", json!("accounts.google.com")),
            with("aud", json!([CLIENT])),
            with("aud", json!([CLIENT, "other"])),
            without("azp"),
            with("exp", json!(NOW - 29)),
            with("iat", json!(NOW + 30)),
            with("iat", json!(NOW - 3630)),
        ];
        for claims in accepted.drain(..) {
            assert_eq!(judge(&key.sign(&claims), &keys), Ok(claims.clone()), "{claims}");
        }
        let mut shared = without("azp");
        shared["aud"] = json!([CLIENT, "other"]);
        for (claims, error) in [
            (with("iss", json!("https://accounts.google.com/")), IdTokenError::Issuer),
            (with("iss", json!("https://accounts.google.com.evil.com")), IdTokenError::Issuer),
            (with("iss", json!(["https://accounts.google.com"])), IdTokenError::Claims),
            (without("iss"), IdTokenError::Claims),
            (with("aud", json!("another-client")), IdTokenError::Audience),
            (with("aud", json!(["another-client"])), IdTokenError::Audience),
            (with("aud", json!([])), IdTokenError::Audience),
            (with("aud", json!([1, CLIENT])), IdTokenError::Claims),
            (without("aud"), IdTokenError::Claims),
            (shared, IdTokenError::Audience),
            (with("azp", json!("another-client")), IdTokenError::Audience),
            (with("azp", json!(1)), IdTokenError::Claims),
            (with("exp", json!(NOW - 30)), IdTokenError::Expired),
            (with("exp", json!(0)), IdTokenError::Expired),
            (with("exp", json!("never")), IdTokenError::Claims),
            (without("exp"), IdTokenError::Claims),
            (with("iat", json!(NOW + 31)), IdTokenError::Age),
            (with("iat", json!(NOW - 3631)), IdTokenError::Age),
            (without("iat"), IdTokenError::Claims),
            (with("nbf", json!(NOW + 60)), IdTokenError::Age),
            (with("nbf", json!("x")), IdTokenError::Claims),
            (with("nonce", json!("another")), IdTokenError::Nonce),
            (with("nonce", json!(null)), IdTokenError::Nonce),
            (without("nonce"), IdTokenError::Nonce),
            (with("sub", json!(110_169)), IdTokenError::Claims),
            (without("sub"), IdTokenError::Claims),
        ] {
            assert_eq!(judge(&key.sign(&claims), &keys), Err(error), "{claims}");
        }
    }

    #[test]
    fn only_the_issuers_keys_sign() {
        let (key, foreign) = (Key::generate("k1"), Key::generate("k1"));
        let keys = set(&[&key]);
        assert_eq!(judge(&foreign.sign(&claims()), &keys), Err(IdTokenError::Signature));
        let other = Key::generate("k2");
        assert_eq!(judge(&other.sign(&claims()), &keys), Err(IdTokenError::UnknownKey));
        assert!(judge(&other.sign(&claims()), &set(&[&key, &other])).is_ok());

        let unnamed = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims(), &key.signs);
        let unnamed = unnamed.expect("signs");
        assert!(judge(&unnamed, &keys).is_ok());
        assert_eq!(judge(&unnamed, &set(&[&key, &other])), Err(IdTokenError::UnknownKey));

        let mut for_encryption: Value = key.public.clone();
        for_encryption["use"] = json!("enc");
        let keys = serde_json::from_value(json!({ "keys": [for_encryption] })).expect("a key set");
        assert_eq!(judge(&key.sign(&claims()), &keys), Err(IdTokenError::UnknownKey));
    }

    /// RFC 8725, 2.1: a token does not choose how it is judged.
    #[test]
    fn a_token_does_not_choose_how_it_is_judged() {
        let key = Key::generate("k1");
        let keys = set(&[&key]);
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let good = key.sign(&claims());
        let signature = good.rsplit('.').next().expect("three parts");
        let forged = |header: Value, signature: &str| {
            format!("{}.{}.{signature}", part(&header), part(&claims()))
        };
        for header in [
            json!({ "alg": "none" }),
            json!({ "alg": "None", "kid": "k1" }),
            json!({ "alg": "HS256", "kid": "k1" }),
            json!({ "alg": "RS512", "kid": "k1" }),
            json!({ "alg": "PS256", "kid": "k1" }),
            json!({ "alg": "EdDSA", "kid": "k1" }),
            json!({ "alg": ["ES256"], "kid": "k1" }),
            json!({ "kid": "k1" }),
        ] {
            assert_eq!(
                judge(&forged(header.clone(), ""), &keys),
                Err(IdTokenError::Algorithm),
                "{header}"
            );
        }
        assert_eq!(
            judge(&forged(json!({ "alg": "RS256", "kid": "k1" }), signature), &keys),
            Err(IdTokenError::UnknownKey)
        );
        for header in [
            json!({ "alg": "ES256", "kid": "k1", "crit": ["b64"], "b64": false }),
            json!({ "alg": "ES256", "kid": "k1", "typ": "at+jwt" }),
        ] {
            assert_eq!(
                judge(&forged(header.clone(), signature), &keys),
                Err(IdTokenError::Malformed),
                "{header}"
            );
        }
        let secret = EncodingKey::from_secret(key.public.to_string().as_bytes());
        let mut header = Header::new(Algorithm::HS256);
        header.kid = Some("k1".into());
        let confused = jsonwebtoken::encode(&header, &claims(), &secret).expect("signs");
        assert_eq!(judge(&confused, &keys), Err(IdTokenError::Algorithm));
        for text in
            ["", "a", "a.b", "a.b.c", "e30.e30.", &good[..good.len() - 1], &format!("{good}.x")]
        {
            assert!(judge(text, &keys).is_err(), "{text}");
        }
        // A key of its own, brought along.
        let header = json!({ "alg": "ES256", "jwk": Key::generate("k9").public, "kid": "k9" });
        assert_eq!(judge(&forged(header, signature), &keys), Err(IdTokenError::UnknownKey));
    }

    #[test]
    fn rs256_is_taken_too() {
        let signs = EncodingKey::from_rsa_der(include_bytes!(
            "../../../examples/providers/keys/rsa-2048.pkcs1.der"
        ));
        let mut header = Header::new(Algorithm::RS256);
        header.kid = Some("r1".into());
        let token = jsonwebtoken::encode(&header, &claims(), &signs).expect("signs");
        let mut public =
            serde_json::to_value(Jwk::from_encoding_key(&signs, Algorithm::RS256).expect("a key"))
                .expect("serialises");
        public["kid"] = json!("r1");
        let keys = |key: &Value| serde_json::from_value(json!({ "keys": [key] })).expect("a set");
        assert_eq!(judge(&token, &keys(&public)), Ok(claims()));
        public["alg"] = json!("RS512");
        assert_eq!(judge(&token, &keys(&public)), Err(IdTokenError::UnknownKey));
    }
}
