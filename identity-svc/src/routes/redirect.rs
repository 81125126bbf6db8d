//! Answers that send a browser elsewhere.

use axum::response::{IntoResponse, Response};
use contract::Refusal;
use http::{HeaderValue, StatusCode, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use service_kit::{Error, Query};
use url::Url;

use crate::app::App;

/// Spelled so that a browser reads it as we judged it: an absolute address in its
/// normal form, a path with everything encoded that has no place in a header.
pub fn location(target: &str) -> Result<HeaderValue, Error> {
    let spelled = match Url::parse(target) {
        Ok(url) => url.into(),
        Err(_) => utf8_percent_encode(target, UNFIT).to_string(),
    };
    HeaderValue::try_from(spelled).map_err(|_| Refusal::InvalidCallbackUrl.into())
}

/// What an address does not hold as it is.
const UNFIT: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'`');

/// The address that leads here has a token in it, so the next page is not told.
#[must_use]
pub fn found(target: &str) -> Response {
    let headers = |location| {
        [
            (header::LOCATION, location),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ]
    };
    match location(target) {
        Ok(location) => (StatusCode::FOUND, headers(location)).into_response(),
        Err(error) => error.into_response(),
    }
}

/// `token` and `callbackURL` of a link that came in a mail.
pub struct Followed {
    pub token: String,
    pub callback: Option<String>,
}

impl Followed {
    /// Neither may be given twice, and the callback must be one of ours. An empty
    /// callback is none.
    pub fn read(app: &App, Query(fields): Query) -> Result<Self, Error> {
        let token = fields.string("token");
        let callback = fields.optional_string("callbackURL");
        fields.finish()?;
        let (Some(token), Some(callback)) = (token, callback) else {
            unreachable!("finish() refuses a query whose keys are not in order")
        };
        let callback = callback.filter(|callback| !callback.is_empty());
        if callback
            .as_ref()
            .is_some_and(|callback| !app.deployment.origins.allows_callback(callback))
        {
            return Err(Refusal::InvalidCallbackUrl.into());
        }
        Ok(Self { token, callback })
    }
}
