//! `Authorization: Bearer <signed session token>`, as Better Auth's bearer plugin takes
//! it: for clients that keep no cookies. Off unless `AUTH_BEARER=true`.
//!
//! It is turned into the session's cookie here, once, so that nothing behind this file
//! knows of it. A good one takes the place of the cookie that came along; one that is
//! not signed by us changes nothing. No browser adds the header by itself, so a request
//! without any cookie of its own owes no `Origin`; the services are told which it is.

use contract::{cookies::Cookies, internal::COOKIE_FROM_BEARER_HEADER};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use pingora::{
    http::{RequestHeader, ResponseHeader},
    prelude::*,
};

use crate::state::Gateway;

const SCHEME: &str = "bearer ";
/// Longer than any token of ours with its signature, percent-encoded.
const LONGEST: usize = 512;

/// Where an answer says which session it has opened, for who keeps no cookies.
pub const SET_AUTH_TOKEN: HeaderName = HeaderName::from_static("set-auth-token");

/// How a caller's session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bearer {
    /// Whether the request had cookies besides.
    had_cookie: bool,
}

/// Puts the session's cookie where the bearer token was.
fn accept(request: &mut RequestHeader, cookies: &Cookies) -> Result<Option<Bearer>> {
    let Some(pair) = presented(&request.headers).and_then(|token| cookies.of_bearer(token)) else {
        return Ok(None);
    };
    let had_cookie = request.headers.contains_key(header::COOKIE);
    let others = cookies.without_session(&request.headers);
    let all = [vec![pair], others].concat().join("; ");
    let all = HeaderValue::from_str(&all).or_err(ErrorType::HTTPStatus(400), "no such cookie")?;
    request.remove_header(&header::AUTHORIZATION);
    request.insert_header(header::COOKIE, all)?;
    Ok(Some(Bearer { had_cookie }))
}

/// The token, if there is exactly one header for it. The scheme's case does not matter.
fn presented(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let value = given.next()?.to_str().ok()?;
    let is_alone = given.next().is_none();
    let scheme = value.get(..SCHEME.len())?;
    let token = value[SCHEME.len()..].trim();
    (is_alone && scheme.eq_ignore_ascii_case(SCHEME) && token.len() <= LONGEST).then_some(token)
}

impl Gateway {
    /// Takes the bearer token of a request, where they are taken.
    pub(crate) fn take_bearer(&self, request: &mut RequestHeader) -> Result<Option<Bearer>> {
        // Nobody but us may say this, and the gateway itself looks at it as well.
        request.remove_header(COOKIE_FROM_BEARER_HEADER);
        self.dress.bearer.as_ref().map_or(Ok(None), |cookies| accept(request, cookies))
    }
}

impl Bearer {
    /// For a service: where the cookie was made here, it says so.
    pub fn tell_service(self, request: &mut RequestHeader) -> Result<()> {
        if self.had_cookie {
            return Ok(());
        }
        request.insert_header(COOKIE_FROM_BEARER_HEADER, "true")
    }

    /// For an application, which is told who is calling and needs no token.
    pub fn hide_from_application(
        self,
        request: &mut RequestHeader,
        cookies: &Cookies,
    ) -> Result<()> {
        let others = cookies.without_session(&request.headers).join("; ");
        request.remove_header(&header::COOKIE);
        if others.is_empty() {
            return Ok(());
        }
        request.insert_header(header::COOKIE, others)
    }
}

/// Says in a header what the answer puts into a cookie.
pub fn give(response: &mut ResponseHeader, cookies: &Cookies) -> Result<()> {
    let lines = response.headers.get_all(header::SET_COOKIE).iter();
    let mut opened_by = lines.filter_map(|line| cookies.opened_by(line.to_str().ok()?));
    let opened = opened_by.next_back();
    let Some(token) = opened else { return Ok(()) };
    response.insert_header(SET_AUTH_TOKEN, token)?;
    response.append_header(header::ACCESS_CONTROL_EXPOSE_HEADERS, SET_AUTH_TOKEN.as_str())?;
    Ok(())
}
