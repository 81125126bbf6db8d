//! What an upstream is told of the caller.
//!
//! Whatever the client said about that is removed first, in every spelling, on
//! every request: `X_User_Id` and `x-user-id` are one header to many frameworks, and
//! to some `x.user.id` is as well.

use std::{sync::Arc, time::Duration};

use auth_types::{SessionId, Timestamp};
use contract::{
    Purpose, RootSecrets,
    internal::{
        CLIENT_ADDR_HEADER, COOKIE_FROM_BEARER_HEADER, GATEWAY_KEY_HEADER, REQUEST_ID_HEADER,
    },
    jwt::{IdentityClaims, Signer, validity},
    session::LiveSession,
};
use http::{HeaderName, HeaderValue};
use pingora::http::RequestHeader;
use quick_cache::{Equivalent, sync::Cache};
use service_kit::{Fault, While};

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

/// Who is calling, in headers.
pub type Names = [(&'static str, HeaderValue); 5];

/// An assertion is used again for this long, so that most requests cost no signature.
const ASSERTION_REUSE: Duration = Duration::from_secs(30);
const ASSERTIONS: usize = 100_000;

#[must_use]
pub fn is_ours(name: &HeaderName) -> bool {
    OURS.iter().any(|ours| is_spelling_of(name, ours))
}

fn is_forwarding(name: &HeaderName) -> bool {
    FORWARDING.iter().any(|forwarding| is_spelling_of(name, forwarding))
}

/// A script's environment has `_` for all that is neither letter nor digit (RFC 3875,
/// 4.1.18, as servers practise it). `ours` is in lower case, as every [`HeaderName`] is.
fn is_spelling_of(name: &HeaderName, ours: &str) -> bool {
    let name = name.as_str().as_bytes();
    let alike = |(given, ours): (&u8, &u8)| {
        given == ours || (*ours == b'-' && !given.is_ascii_alphanumeric())
    };
    name.len() == ours.len() && name.iter().zip(ours.as_bytes()).all(alike)
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

/// What the headers depend on: whoever changes gets another version.
#[derive(PartialEq, Eq, Hash)]
struct Key {
    session: SessionId,
    user_version: i64,
    audience: Arc<str>,
}

/// The same without owning it. It hashes alike, for its fields do.
#[derive(Hash)]
struct KeyRef<'a> {
    session: &'a SessionId,
    user_version: i64,
    audience: &'a Arc<str>,
}

impl Equivalent<Key> for KeyRef<'_> {
    fn equivalent(&self, key: &Key) -> bool {
        *self.session == key.session
            && self.user_version == key.user_version
            && *self.audience == key.audience
    }
}

/// The headers that name a caller to an upstream, written out.
#[derive(Clone)]
struct Assertion {
    made_at: Timestamp,
    headers: Arc<Names>,
}

/// Names callers to upstreams, and vouches for it with `X-Identity-Token`.
pub struct Assertions {
    issuer: String,
    signer: Signer,
    made: Cache<Key, Assertion>,
}

impl Assertions {
    #[must_use]
    pub fn new(issuer: String, secrets: &RootSecrets) -> Self {
        let signer = Signer::new(secrets, Purpose::IdentityAssertion);
        Self { issuer, signer, made: Cache::new(ASSERTIONS) }
    }

    /// Tells the upstream `audience` who is calling.
    pub fn assert(
        &self,
        request: &mut RequestHeader,
        caller: &LiveSession,
        audience: &Arc<str>,
        now: Timestamp,
    ) -> Result<(), Fault> {
        for (name, value) in self.headers(caller, audience, now)?.iter() {
            request
                .insert_header(*name, value.clone())
                .doing("naming the caller to an upstream")?;
        }
        Ok(())
    }

    /// Who is calling, in headers.
    pub fn headers(
        &self,
        caller: &LiveSession,
        audience: &Arc<str>,
        now: Timestamp,
    ) -> Result<Arc<Names>, Fault> {
        let (session, user_version) = (&caller.session.id, caller.version.user);
        let made = self.made.get(&KeyRef { session, user_version, audience });
        let is_young =
            |made: &Assertion| made.made_at <= now && now < made.made_at + ASSERTION_REUSE;
        if let Some(made) = made.filter(is_young) {
            return Ok(made.headers);
        }
        let headers = Arc::new(self.make(caller, audience, now)?);
        let key = Key { session: session.clone(), user_version, audience: Arc::clone(audience) };
        self.made.insert(key, Assertion { made_at: now, headers: Arc::clone(&headers) });
        Ok(headers)
    }

    fn make(&self, caller: &LiveSession, audience: &str, now: Timestamp) -> Result<Names, Fault> {
        let (user, session) = (&caller.user, &caller.session);
        let (iat, exp) = validity(now);
        let claims = IdentityClaims {
            iss: self.issuer.clone(),
            aud: audience.to_owned(),
            sub: user.id.clone(),
            sid: session.id.clone(),
            email: user.email.clone(),
            name: user.name.clone(),
            role: user.role.clone(),
            iat,
            exp,
        };
        let token = self.signer.sign(&claims).doing("signing an assertion")?;
        let value = |text: &str| HeaderValue::from_str(text).doing("naming the caller");
        Ok([
            (USER_ID, value(user.id.as_str())?),
            (USER_EMAIL, value(user.email.as_str())?),
            (USER_ROLE, value(user.role.as_str())?),
            (SESSION_ID, value(session.id.as_str())?),
            (IDENTITY_TOKEN, value(&token)?),
        ])
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
                    ('-', 1) => ['_', '.', '~', '!'][at % 4],
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
