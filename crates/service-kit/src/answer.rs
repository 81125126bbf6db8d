//! Answers that set cookies. A refusal may set some too: a session that turns out
//! to be over is refused, and cleared from the browser, in one answer.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};

use crate::error::Error;

/// An answer, with `Set-Cookie` lines as [`contract::cookies`] writes them.
#[derive(Debug)]
pub struct WithCookies<T>(pub Vec<String>, pub T);

/// What a handler under `/api/auth` gives back.
pub type Answered<T> = Result<WithCookies<T>, WithCookies<Error>>;

impl<E: Into<Error>> From<E> for WithCookies<Error> {
    fn from(error: E) -> Self {
        Self(Vec::new(), error.into())
    }
}

impl<T: IntoResponse> IntoResponse for WithCookies<T> {
    fn into_response(self) -> Response {
        let Self(cookies, answer) = self;
        let mut response = answer.into_response();
        for line in cookies {
            let value = HeaderValue::try_from(line).expect("cookies are percent-encoded");
            response.headers_mut().append(header::SET_COOKIE, value);
        }
        response
    }
}
