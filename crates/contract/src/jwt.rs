//! Signed statements: who is calling (for upstreams), and WebSocket tokens.
//!
//! `EdDSA` over Ed25519 (RFC 8037), each purpose with a key of its own, public
//! halves at `/.well-known/jwks.json` (RFC 7517).

use std::time::Duration;

use auth_types::{Email, Roles, SessionId, Timestamp, TokenDigest, UserId};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{Purpose, RootSecrets};

/// Life of either token.
pub const LIFETIME: Duration = Duration::from_mins(1);
/// How far the clock of whoever signed may be ahead.
const SKEW: Duration = Duration::from_secs(30);
/// Audience of a WebSocket token.
pub const WS_AUDIENCE: &str = "ws";

/// Claims of `X-Identity-Token`. Names as in RFC 7519; `sid` as in `OpenID` Connect.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdentityClaims {
    pub iss: String,
    /// The upstream's name in the routes file.
    pub aud: String,
    pub sub: UserId,
    pub sid: SessionId,
    pub email: Email,
    pub name: String,
    pub role: Roles,
    pub iat: i64,
    pub exp: i64,
}

/// Claims of a WebSocket token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WsClaims {
    pub iss: String,
    pub aud: String,
    pub sub: UserId,
    pub sid: SessionId,
    /// Unique, so that whoever takes the token can take it once.
    pub jti: String,
    /// What the session is found by. It opens nothing.
    pub session_digest: TokenDigest,
    /// Which Redis remembers that the token was used. Under another one the token is
    /// worth nothing, because that one may have forgotten.
    pub remembered_by: String,
    pub iat: i64,
    pub exp: i64,
}

/// Claims by which `stellar doctor` shows the gateway that it knows the root secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoctorClaims {
    pub iss: String,
    pub aud: String,
    pub iat: i64,
    pub exp: i64,
}

/// Audience of the doctor's token: the gateway.
pub const DOCTOR_AUDIENCE: &str = "gateway";

/// `iat` and `exp` of a token signed now, in Unix seconds.
#[must_use]
pub fn validity(now: Timestamp) -> (i64, i64) {
    (now.unix_seconds(), (now + LIFETIME).unix_seconds())
}

/// Signs for one purpose.
pub struct Signer {
    key: EncodingKey,
    header: Header,
}

impl Signer {
    #[must_use]
    pub fn new(secrets: &RootSecrets, purpose: Purpose) -> Self {
        let key = SigningKey::from_bytes(&secrets.derive(purpose));
        let der = key.to_pkcs8_der().expect("an Ed25519 key has a PKCS#8 form");
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(Jwk::of(&key).kid);
        Self { key: EncodingKey::from_ed_der(der.as_bytes()), header }
    }

    /// A compact JWS over the claims.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, jsonwebtoken::errors::Error> {
        jsonwebtoken::encode(&self.header, claims, &self.key)
    }
}

/// Verifies what [`Signer`] signed for one purpose and one audience, under the
/// current root secret and older ones.
pub struct Verifier {
    keys: Vec<(String, DecodingKey)>,
    validation: Validation,
}

/// A token that proves nothing: forged, altered, for somebody else, or too old.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the token is not valid")]
pub struct InvalidToken;

/// The claims that say when a token is good, in Unix seconds (RFC 7519, section 4.1).
#[derive(Deserialize)]
struct Validity {
    iat: i64,
    exp: i64,
}

impl Verifier {
    #[must_use]
    pub fn new(secrets: &RootSecrets, purpose: Purpose, issuer: &str, audience: &str) -> Self {
        // One algorithm, whatever a token's header says (RFC 8725, section 3.1).
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[issuer]);
        validation.set_audience(&[audience]);
        validation.set_required_spec_claims(&["iss", "aud", "exp"]);
        // The time is judged below, by the caller's clock.
        validation.validate_exp = false;
        let keys = secrets.derive_all(purpose);
        let keys = keys.iter().map(|seed| {
            let jwk = Jwk::of(&SigningKey::from_bytes(seed));
            let key = DecodingKey::from_ed_components(&jwk.x);
            (jwk.kid, key.expect("base64url is what it was just written in"))
        });
        Self { keys: keys.collect(), validation }
    }

    /// The claims of a token that is good at `now`.
    pub fn verify<C: DeserializeOwned>(
        &self,
        token: &str,
        now: Timestamp,
    ) -> Result<C, InvalidToken> {
        let header = jsonwebtoken::decode_header(token).map_err(|_| InvalidToken)?;
        let named = self.keys.iter().find(|(kid, _)| header.kid.as_ref() == Some(kid));
        let (_, key) = named.ok_or(InvalidToken)?;
        let claims = jsonwebtoken::decode::<serde_json::Value>(token, key, &self.validation)
            .map_err(|_| InvalidToken)?
            .claims;
        let validity = Validity::deserialize(&claims).map_err(|_| InvalidToken)?;
        let now = now.unix_seconds();
        // Replicas' clocks may differ a little.
        if now >= validity.exp || validity.iat > now + SKEW.as_secs().cast_signed() {
            return Err(InvalidToken);
        }
        serde_json::from_value(claims).map_err(|_| InvalidToken)
    }
}

/// The public keys of a deployment, current and older.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

/// An Ed25519 public key (RFC 8037, section 2).
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Jwk {
    pub kty: String,
    pub crv: String,
    pub x: String,
    pub kid: String,
    #[serde(rename = "use")]
    pub usage: String,
    pub alg: String,
}

impl Jwks {
    #[must_use]
    pub fn of(secrets: &RootSecrets) -> Self {
        let purposes = [Purpose::IdentityAssertion, Purpose::WsToken];
        let seeds = purposes.into_iter().flat_map(|purpose| secrets.derive_all(purpose));
        Self { keys: seeds.map(|seed| Jwk::of(&SigningKey::from_bytes(&seed))).collect() }
    }
}

impl Jwk {
    fn of(key: &SigningKey) -> Self {
        let x = BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        // The thumbprint of RFC 7638: members in order, no white space.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(members));
        let text = |text: &str| text.to_owned();
        Self {
            kty: text("OKP"),
            crv: text("Ed25519"),
            x,
            kid,
            usage: text("sig"),
            alg: text("EdDSA"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonwebtoken::{decode, decode_header};

    fn secrets() -> RootSecrets {
        RootSecrets::parse("contract-test-secret-0123456789-abcdefghij").expect("fit")
    }

    fn claims(exp: i64) -> WsClaims {
        WsClaims {
            iss: "http://localhost:3001".into(),
            aud: WS_AUDIENCE.into(),
            sub: UserId::from("u1".to_owned()),
            sid: SessionId::from("s1".to_owned()),
            jti: "j1".into(),
            session_digest: [7; 32].into(),
            remembered_by: "r1".into(),
            iat: exp - 60,
            exp,
        }
    }

    fn verifier(purpose: Purpose, audience: &str) -> Verifier {
        Verifier::new(&secrets(), purpose, "http://localhost:3001", audience)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from(time::OffsetDateTime::from_unix_timestamp(seconds).expect("in range"))
    }

    #[test]
    fn a_token_is_good_until_it_expires_and_for_one_audience_and_purpose() {
        let exp = 2_000_000_000;
        let token = Signer::new(&secrets(), Purpose::WsToken).sign(&claims(exp)).expect("signs");
        let good = verifier(Purpose::WsToken, WS_AUDIENCE);
        assert_eq!(good.verify(&token, at(exp - 1)), Ok(claims(exp)));
        assert_eq!(good.verify::<WsClaims>(&token, at(exp)), Err(InvalidToken));
        let before = at(exp - 60 - 31);
        assert_eq!(good.verify::<WsClaims>(&token, before), Err(InvalidToken), "from the future");
        for other in [
            verifier(Purpose::WsToken, "panel"),
            verifier(Purpose::IdentityAssertion, WS_AUDIENCE),
            Verifier::new(&secrets(), Purpose::WsToken, "http://elsewhere", WS_AUDIENCE),
        ] {
            assert_eq!(other.verify::<WsClaims>(&token, at(exp - 1)), Err(InvalidToken));
        }
    }

    #[test]
    fn after_a_rotation_tokens_of_the_older_secret_are_still_good() {
        let rotated = "2:the-newest-secret-of-good-length-98765432,\
                       1:contract-test-secret-0123456789-abcdefghij";
        let rotated = RootSecrets::parse(rotated).expect("a list");
        let token =
            Signer::new(&secrets(), Purpose::WsToken).sign(&claims(2_000_000_000)).expect("signs");
        let verifier =
            Verifier::new(&rotated, Purpose::WsToken, "http://localhost:3001", WS_AUDIENCE);
        assert!(verifier.verify::<WsClaims>(&token, at(1_999_999_999)).is_ok());
    }

    fn read(token: &str, jwk: &Jwk) -> Result<WsClaims, jsonwebtoken::errors::Error> {
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_audience(&[WS_AUDIENCE]);
        validation.validate_exp = false;
        let key = DecodingKey::from_ed_components(&jwk.x).expect("a key");
        decode::<WsClaims>(token, &key, &validation).map(|data| data.claims)
    }

    #[test]
    fn the_published_key_named_in_the_header_verifies_and_no_other() {
        let token =
            Signer::new(&secrets(), Purpose::WsToken).sign(&claims(2_000_000_000)).expect("signs");
        let kid = decode_header(&token).expect("a header").kid;
        let keys = Jwks::of(&secrets()).keys;
        assert_eq!(keys.len(), 2);
        for key in keys {
            assert_eq!(read(&token, &key).is_ok(), Some(&key.kid) == kid.as_ref());
        }
    }
}
