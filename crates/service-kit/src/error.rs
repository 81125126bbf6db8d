//! The one place where a refusal or a fault becomes an HTTP answer.

use std::time::Duration;

use axum::{
    Json,
    response::{IntoResponse, Response},
};
use contract::{PanelRefusal, Refusal};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::json;

use crate::{
    fault::{Chain, Fault},
    fields::Problems,
};

/// Seconds after which a caller may ask again when something is away.
const RETRY_AFTER_SECS: HeaderValue = HeaderValue::from_static("1");
const X_RETRY_AFTER: HeaderName = HeaderName::from_static("x-retry-after");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Why a route under `/api/auth` does not do what was asked (contract 1.5).
#[derive(Debug)]
pub enum Error {
    Refused(Refusal),
    /// The same with the status that this route has for it: the protocol gives one
    /// code more than one.
    RefusedWith(StatusCode, Refusal),
    /// A refusal that ends by itself after this time.
    Later(Refusal, Duration),
    /// A status and nothing else (contract 1.5, "(empty)").
    Empty(StatusCode),
    /// A refusal whose sentence names what it is about.
    Worded(Refusal, String),
    /// The body or the query does not fit the endpoint's schema.
    Invalid(Problems),
    /// The body's media type is not taken here; the sentence says what is.
    MediaType(String),
    /// A field that callers may not set (contract 4.1).
    FieldNotAllowed(&'static str),
    /// A sentence without a code (contract 1.5, "(msg)").
    Message(String),
    Broke(Fault),
}

/// Why one of StellarStack's own routes does not do what was asked (contract 16).
#[derive(Debug)]
pub enum PanelError {
    Refused(PanelRefusal),
    Broke(Fault),
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Broke(fault)
    }
}

impl From<Problems> for Error {
    fn from(problems: Problems) -> Self {
        Self::Invalid(problems)
    }
}

impl From<PanelRefusal> for PanelError {
    fn from(refusal: PanelRefusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for PanelError {
    fn from(fault: Fault) -> Self {
        Self::Broke(fault)
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => refused(refusal),
            Self::RefusedWith(status, refusal) => coded(status, refusal.code(), refusal.message()),
            Self::Later(refusal, after) => later(refused(refusal), after),
            Self::Worded(refusal, sentence) => coded(refusal.status(), refusal.code(), &sentence),
            Self::Empty(status) => (status, [(header::CONTENT_TYPE, JSON)]).into_response(),
            Self::Invalid(problems) => {
                coded(StatusCode::BAD_REQUEST, "VALIDATION_ERROR", &problems.to_string())
            }
            Self::MediaType(sentence) => {
                coded(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UNSUPPORTED_MEDIA_TYPE", &sentence)
            }
            Self::FieldNotAllowed(field) => {
                let sentence = format!("{field} is not allowed to be set");
                coded(StatusCode::BAD_REQUEST, "FIELD_NOT_ALLOWED", &sentence)
            }
            Self::Message(sentence) => {
                (StatusCode::BAD_REQUEST, Json(json!({ "message": sentence }))).into_response()
            }
            Self::Broke(fault) if log(&fault) => refused(Refusal::Unavailable),
            Self::Broke(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}

impl IntoResponse for PanelError {
    fn into_response(self) -> Response {
        match self {
            Self::Refused(refusal) => panel_refused(refusal),
            Self::Broke(fault) if log(&fault) => panel_refused(PanelRefusal::Unavailable),
            Self::Broke(_) => {
                let body = Json(json!({ "error": "Internal server error" }));
                (StatusCode::INTERNAL_SERVER_ERROR, body).into_response()
            }
        }
    }
}

/// Logs a fault, and says whether it is an outage.
fn log(fault: &Fault) -> bool {
    tracing::error!(error = %Chain(fault), outage = fault.is_outage(), "the request failed");
    fault.is_outage()
}

fn refused(refusal: Refusal) -> Response {
    let answer = coded(refusal.status(), refusal.code(), refusal.message());
    with_retry_after(answer)
}

fn panel_refused(refusal: PanelRefusal) -> Response {
    let body = Json(json!({ "error": refusal.message() }));
    with_retry_after((refusal.status(), body).into_response())
}

fn coded(status: StatusCode, code: &str, message: &str) -> Response {
    (status, Json(json!({ "message": message, "code": code }))).into_response()
}

/// Says when to ask again, to clients of Better Auth and to all others.
fn later(mut answer: Response, after: Duration) -> Response {
    let whole = after.as_secs() + u64::from(after.subsec_nanos() > 0);
    let secs = HeaderValue::from(whole.max(1));
    answer.headers_mut().insert(X_RETRY_AFTER, secs.clone());
    answer.headers_mut().insert(header::RETRY_AFTER, secs);
    answer
}

fn with_retry_after(mut answer: Response) -> Response {
    if answer.status() == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER_SECS);
    }
    answer
}
