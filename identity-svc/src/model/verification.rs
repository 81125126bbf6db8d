//! The link that proves an address (contract 4.7): a JWT under the root secret,
//! good for an hour, bound to the user and the address.

use std::time::Duration;

use auth_types::{Email, Timestamp, UserId};
use contract::{Refusal, RootSecrets};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// How long a link is good.
const LIFETIME: Duration = Duration::from_hours(1);

/// Claims, in the order in which the original writes them.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    pub email: Email,
    pub user_id: UserId,
    pub iat: i64,
    pub exp: i64,
}

impl Claims {
    #[must_use]
    pub fn new(email: Email, user_id: UserId, now: Timestamp) -> Self {
        Self { email, user_id, iat: now.unix_seconds(), exp: (now + LIFETIME).unix_seconds() }
    }

    pub fn sign(&self, secrets: &RootSecrets) -> Result<String, jsonwebtoken::errors::Error> {
        let mut header = Header::new(Algorithm::HS256);
        header.typ = None;
        let key = EncodingKey::from_secret(secrets.current().expose_secret().as_bytes());
        jsonwebtoken::encode(&header, self, &key)
    }

    /// Whoever holds the link may use it until it expires; using it twice changes
    /// nothing the second time.
    pub fn read(token: &str, secrets: &RootSecrets, now: Timestamp) -> Result<Self, Refusal> {
        let claims = secrets.all().find_map(|secret| verified(token, secret));
        let claims = claims.ok_or(Refusal::InvalidToken)?;
        if now.unix_seconds() >= claims.exp {
            return Err(Refusal::TokenExpired);
        }
        Ok(claims)
    }
}

/// Claims whose signature is right. The time is judged by our clock, not the library's.
fn verified(token: &str, secret: &SecretString) -> Option<Claims> {
    let mut validation = Validation::new(Algorithm::HS256);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.set_required_spec_claims(&["exp"]);
    let key = DecodingKey::from_secret(secret.expose_secret().as_bytes());
    match jsonwebtoken::decode(token, &key, &validation) {
        Ok(data) => Some(data.claims),
        Err(error) => {
            if !matches!(error.kind(), ErrorKind::InvalidSignature) {
                tracing::debug!(%error, "a verification token could not be read");
            }
            None
        }
    }
}

/// Where the link leads (contract 4.2). `callback` is `/` when none was given.
#[must_use]
pub fn link(api_origin: &str, token: &str, callback: Option<&str>) -> String {
    let callback = utf8_percent_encode(callback.unwrap_or("/"), NON_ALPHANUMERIC);
    format!("{api_origin}/api/auth/verify-email?token={token}&callbackURL={callback}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> RootSecrets {
        RootSecrets::parse("contract-test-secret-0123456789-abcdefghij").expect("fit")
    }

    fn at(seconds: i64) -> Timestamp {
        let epoch: Timestamp = serde_json::from_value("1970-01-01T00:00:00.000Z".into()).expect("an instant");
        epoch + Duration::from_secs(seconds.unsigned_abs())
    }

    const ISSUED: i64 = 1_795_475_368;
    const VECTOR: &str = "eyJhbGciOiJIUzI1NiJ9.eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSIsInVzZXJJZCI6InUxIiwiaWF0IjoxNzk1NDc1MzY4LCJleHAiOjE3OTU0Nzg5Njh9.-ktAn5iMK2T8YwF6MMlH7K4Z83GzqRqywrQob2eB_Cw";

    fn claims() -> Claims {
        let email = Email::parse("ann@example.com").expect("an address");
        Claims::new(email, UserId::from("u1".to_owned()), at(ISSUED))
    }

    #[test]
    fn the_vector_of_the_contract_holds() {
        assert_eq!(claims().sign(&secrets()).expect("signs"), VECTOR);
        assert_eq!(Claims::read(VECTOR, &secrets(), at(ISSUED)), Ok(claims()));
    }

    #[test]
    fn a_link_is_over_after_an_hour() {
        assert!(Claims::read(VECTOR, &secrets(), at(ISSUED + 3599)).is_ok());
        assert_eq!(Claims::read(VECTOR, &secrets(), at(ISSUED + 3600)), Err(Refusal::TokenExpired));
    }

    #[test]
    fn what_we_did_not_sign_is_no_link() {
        let other = RootSecrets::parse("another-secret-of-good-length-0123456789").expect("fit");
        let unsigned = "eyJhbGciOiJub25lIn0.eyJlbWFpbCI6ImFubkBleGFtcGxlLmNvbSJ9.";
        for token in ["", "a.b.c", unsigned, &claims().sign(&other).expect("signs")] {
            assert_eq!(Claims::read(token, &secrets(), at(ISSUED)), Err(Refusal::InvalidToken), "{token}");
        }
    }

    #[test]
    fn the_link_carries_the_callback_encoded() {
        assert!(link("http://localhost:3001", "t", None).ends_with("/api/auth/verify-email?token=t&callbackURL=%2F"));
    }
}
