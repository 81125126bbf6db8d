//! The link that proves an address (contract 4.7): a JWT under the root secret,
//! good for an hour, bound to the user and the address. One that changes an address
//! is a one-time token as well (`one_time_token.rs`): it counts only while its
//! digest is kept.

use std::time::Duration;

use auth_types::{Email, Timestamp, UserId};
use contract::{Refusal, RootSecrets};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, errors::ErrorKind};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

/// How long a link is good.
const LIFETIME: Duration = Duration::from_hours(1);

/// What a link about a change of address is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestType {
    /// Asks at the address they have.
    #[serde(rename = "change-email-confirmation")]
    ConfirmChange,
    /// Asks at the address they want.
    #[serde(rename = "change-email-verification")]
    VerifyChange,
}

/// Claims, in the order in which the original writes them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Claims {
    /// The address they have.
    pub email: Email,
    /// The address they want.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update_to: Option<Email>,
    /// Absent in links of older versions of the original.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_type: Option<RequestType>,
    pub user_id: UserId,
    pub iat: i64,
    pub exp: i64,
}

impl Claims {
    #[must_use]
    pub fn new(email: Email, user_id: UserId, now: Timestamp) -> Self {
        let (iat, exp) = (now.unix_seconds(), (now + LIFETIME).unix_seconds());
        Self { email, update_to: None, request_type: None, user_id, iat, exp }
    }

    /// The same user and address, for a change to another.
    #[must_use]
    pub fn to_change(self, new_email: Email, request_type: RequestType, now: Timestamp) -> Self {
        let (update_to, request_type) = (Some(new_email), Some(request_type));
        Self { update_to, request_type, ..Self::new(self.email, self.user_id, now) }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn secrets() -> RootSecrets {
        RootSecrets::parse("contract-test-secret-0123456789-abcdefghij").expect("fit")
    }

    fn at(seconds: i64) -> Timestamp {
        let epoch: Timestamp =
            serde_json::from_value("1970-01-01T00:00:00.000Z".into()).expect("an instant");
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
            assert_eq!(
                Claims::read(token, &secrets(), at(ISSUED)),
                Err(Refusal::InvalidToken),
                "{token}"
            );
        }
    }

    #[test]
    fn only_our_algorithm_and_a_token_that_ends_are_read() {
        let sign = |header: &Header, claims: &serde_json::Value| {
            let key = EncodingKey::from_secret(b"contract-test-secret-0123456789-abcdefghij");
            jsonwebtoken::encode(header, claims, &key).expect("signs")
        };
        let whole = serde_json::to_value(claims()).expect("claims");
        let without = |name: &str| {
            let mut claims = whole.clone();
            claims.as_object_mut().expect("an object").remove(name);
            claims
        };
        let with = |name: &str, value: serde_json::Value| {
            let mut claims = whole.clone();
            claims[name] = value;
            claims
        };
        let hs256 = Header::new(Algorithm::HS256);
        assert!(Claims::read(&sign(&hs256, &whole), &secrets(), at(ISSUED)).is_ok());
        for token in [
            sign(&Header::new(Algorithm::HS512), &whole),
            sign(&Header::new(Algorithm::HS384), &whole),
            sign(&hs256, &without("exp")),
            sign(&hs256, &without("userId")),
            sign(&hs256, &without("email")),
            sign(&hs256, &with("email", 1.into())),
            sign(&hs256, &with("exp", "never".into())),
            sign(&hs256, &with("requestType", "sign-in".into())),
        ] {
            assert_eq!(
                Claims::read(&token, &secrets(), at(ISSUED)),
                Err(Refusal::InvalidToken),
                "{token}"
            );
        }
    }

    #[test]
    fn a_change_of_address_is_said_in_the_order_of_the_original() {
        let new = Email::parse("ann@example.org").expect("an address");
        let change = Claims {
            iat: 1,
            exp: 2,
            ..claims().to_change(new, RequestType::VerifyChange, at(ISSUED))
        };
        assert_eq!(
            serde_json::to_string(&change).expect("serialises"),
            r#"{"email":"ann@example.com","updateTo":"ann@example.org","requestType":"change-email-verification","userId":"u1","iat":1,"exp":2}"#
        );
    }
}
