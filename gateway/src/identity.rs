//! What an upstream is told of the caller.
//!
//! Whatever the client said about that is removed first, in every spelling, on
//! every request: `X_User_Id` and `x-user-id` are one header to many frameworks.

use std::{sync::Arc, time::Duration};

use auth_types::{SessionId, Timestamp};
use contract::{
    Purpose, RootSecrets,
    internal::{
        CLIENT_ADDR_HEADER, COOKIE_FROM_BEARER_HEADER, GATEWAY_KEY_HEADER, REQUEST_ID_HEADER,
    },
    jwt::{IdentityClaims, Signer, validity},
};
use http::{HeaderName, HeaderValue};
use moka::sync::Cache;
use pingora::http::RequestHeader;
use service_kit::{Fault, While};

use crate::session::Principal;

pub const USER_ID: &str = "x-user-id";
pub const USER_EMAIL: &str = "x-user-email";
pub const USER_ROLE: &str = "x-user-role";
pub const SESSION_ID: &str = "x-session-id";
pub const IDENTITY_TOKEN: &str = "x-identity-token";

/// Names that only we may use towards an upstream, and that never go back to a client.
const OURS: [&str; 9] = [
    USER_ID,
    USER_EMAIL,
    USER_ROLE,
    SESSION_ID,
    IDENTITY_TOKEN,
    GATEWAY_KEY_HEADER,
    CLIENT_ADDR_HEADER,
    REQUEST_ID_HEADER,
    COOKIE_FROM_BEARER_HEADER,
];

/// Names by which proxies speak of the client; ours replace them.
const FORWARDING: [&str; 11] = [
    "forwarded",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-uri",
    "x-forwarded-method",
    "x-original-uri",
    "x-original-method",
    "x-real-ip",
];

/// An assertion is used again for this long, so that most requests cost no signature.
const ASSERTION_REUSE: Duration = Duration::from_secs(30);
const ASSERTIONS: u64 = 100_000;

#[must_use]
pub fn is_ours(name: &HeaderName) -> bool {
    OURS.contains(&name.as_str().replace('_', "-").as_str())
}

fn is_forwarding(name: &HeaderName) -> bool {
    FORWARDING.contains(&name.as_str().replace('_', "-").as_str())
}

/// Removes everything a client could say about itself or the way it came.
pub fn strip(request: &mut RequestHeader) {
    let claimed: Vec<_> = request
        .headers
        .keys()
        .filter(|name| is_ours(name) || is_forwarding(name))
        .cloned()
        .collect();
    for name in claimed {
        request.remove_header(&name);
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct AssertionKey {
    session: SessionId,
    user_version: i64,
    audience: Arc<str>,
}

/// Makes `X-Identity-Token`.
pub struct Assertions {
    issuer: String,
    signer: Signer,
    made: Cache<AssertionKey, Arc<str>>,
}

impl Assertions {
    #[must_use]
    pub fn new(issuer: String, secrets: &RootSecrets) -> Self {
        let made = Cache::builder().max_capacity(ASSERTIONS).time_to_live(ASSERTION_REUSE).build();
        Self { issuer, signer: Signer::new(secrets, Purpose::IdentityAssertion), made }
    }

    /// Tells the upstream `audience` who is calling.
    pub fn assert(
        &self,
        request: &mut RequestHeader,
        principal: &Principal,
        audience: &str,
        now: Timestamp,
    ) -> Result<(), Fault> {
        for (name, value) in self.headers(principal, audience, now)? {
            request.insert_header(name, value).doing("naming the caller to an upstream")?;
        }
        Ok(())
    }

    /// Who is calling, in headers.
    pub fn headers(
        &self,
        principal: &Principal,
        audience: &str,
        now: Timestamp,
    ) -> Result<[(HeaderName, HeaderValue); 5], Fault> {
        let (user, session) = (&principal.live().user, &principal.live().session);
        let token = self.token(principal, audience, now)?;
        let value = |text: &str| HeaderValue::from_str(text).doing("naming the caller in a header");
        Ok([
            (HeaderName::from_static(USER_ID), value(user.id.as_str())?),
            (HeaderName::from_static(USER_EMAIL), value(user.email.as_str())?),
            (HeaderName::from_static(USER_ROLE), value(user.role.as_str())?),
            (HeaderName::from_static(SESSION_ID), value(session.id.as_str())?),
            (HeaderName::from_static(IDENTITY_TOKEN), value(&token)?),
        ])
    }

    fn token(
        &self,
        principal: &Principal,
        audience: &str,
        now: Timestamp,
    ) -> Result<Arc<str>, Fault> {
        let key = AssertionKey {
            session: principal.live().session.id.clone(),
            user_version: principal.live().version.user,
            audience: audience.into(),
        };
        if let Some(token) = self.made.get(&key) {
            return Ok(token);
        }
        let (user, (iat, exp)) = (&principal.live().user, validity(now));
        let claims = IdentityClaims {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            sub: user.id.clone(),
            sid: key.session.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role.clone(),
            iat,
            exp,
        };
        let token: Arc<str> = self.signer.sign(&claims).doing("signing an assertion")?.into();
        self.made.insert(key, Arc::clone(&token));
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn stripped(name: &str) -> bool {
        let mut request = RequestHeader::build("GET", b"/", None).expect("a request");
        request.append_header(name.to_owned(), "forged").expect("a header");
        request.append_header(name.to_owned(), "forged twice").expect("a header");
        strip(&mut request);
        request.headers.is_empty()
    }

    #[test]
    fn a_caller_can_not_name_itself() {
        for name in OURS.iter().chain(&FORWARDING) {
            assert!(stripped(name), "{name}");
        }
    }

    proptest! {
        #[test]
        fn in_no_spelling(index in 0..OURS.len(), flips in any::<u64>()) {
            let spelled: String = OURS[index].char_indices().map(|(at, letter)| {
                match (letter, flips >> at & 1) {
                    ('-', 1) => '_',
                    (letter, 1) => letter.to_ascii_uppercase(),
                    (letter, _) => letter,
                }
            }).collect();
            prop_assert!(stripped(&spelled), "{}", spelled);
        }
    }

    #[test]
    fn other_headers_stay() {
        assert!(!stripped("x-user-agent") && !stripped("cookie"));
    }
}
