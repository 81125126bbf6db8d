//! Answers the gateway gives itself.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use contract::{PanelRefusal, Refusal};
use http::{HeaderName, HeaderValue, StatusCode, header};
use pingora::{http::ResponseHeader, prelude::*, proxy::Session};
use serde::Serialize;
use serde_json::json;
use service_kit::{Fault, While, fault::Chain};

use crate::{ctx::Ctx, dress, identity::Names, route_table::Dialect};

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
);
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");
const NO_CACHE: HeaderValue = HeaderValue::from_static("no-cache");
const RETRY_AFTER_SECS: HeaderValue = HeaderValue::from_static("1");
/// How long the rest of a request's body may take to arrive once we have answered.
const DRAIN: Duration = Duration::from_secs(1);

/// An answer, before the headers that every answer gets.
#[derive(Debug)]
pub struct Answer {
    status: StatusCode,
    headers: Vec<(HeaderName, HeaderValue)>,
    /// Who is calling, for a proxy that has asked. No other answer names anybody.
    names: Option<Arc<Names>>,
    body: Bytes,
}

impl Answer {
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self { status, headers: Vec::new(), names: None, body: Bytes::new() }
    }

    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// A page that loads nothing and runs nothing.
    #[must_use]
    pub fn page(body: &'static str) -> Self {
        let headers =
            vec![(header::CONTENT_TYPE, HTML), (header::CONTENT_SECURITY_POLICY, PAGE_POLICY)];
        let body = Bytes::from_static(body.as_bytes());
        Self { status: StatusCode::OK, headers, names: None, body }
    }

    /// JSON that no cache may keep.
    #[must_use]
    pub fn json(status: StatusCode, body: impl Into<Bytes>) -> Self {
        let headers = vec![(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, NO_STORE)];
        Self { status, headers, names: None, body: body.into() }
    }

    pub fn json_of(status: StatusCode, body: &impl Serialize) -> Result<Self, Fault> {
        Ok(Self::json(status, serde_json::to_vec(body).doing("writing an answer")?))
    }

    /// A refusal in Better Auth's shape.
    #[must_use]
    pub fn refusal(refusal: Refusal) -> Self {
        let body = json!({ "message": refusal.message(), "code": refusal.code() });
        Self::json(refusal.status(), body.to_string()).with_retry_after()
    }

    /// A refusal in StellarStack's shape.
    #[must_use]
    pub fn panel_refusal(refusal: PanelRefusal) -> Self {
        let body = json!({ "error": refusal.message() });
        Self::json(refusal.status(), body.to_string()).with_retry_after()
    }

    /// Something is away or broken.
    #[must_use]
    pub fn unavailable(dialect: Dialect) -> Self {
        match dialect {
            Dialect::BetterAuth => Self::refusal(Refusal::Unavailable),
            Dialect::Panel => Self::panel_refusal(PanelRefusal::Unavailable),
        }
    }

    /// The rate limit was reached (contract 9.6).
    #[must_use]
    pub fn too_many(dialect: Dialect, retry_after: Duration) -> Self {
        let sentence = PanelRefusal::TooManyRequests.message();
        let body = match dialect {
            Dialect::BetterAuth => json!({ "message": sentence }),
            Dialect::Panel => json!({ "error": sentence }),
        };
        let whole = retry_after.as_secs() + u64::from(retry_after.subsec_nanos() > 0);
        let secs = HeaderValue::from(whole.max(1));
        Self::json(StatusCode::TOO_MANY_REQUESTS, body.to_string())
            .with(HeaderName::from_static("x-retry-after"), secs.clone())
            .with(header::RETRY_AFTER, secs)
    }

    #[must_use]
    pub fn not_found(dialect: Dialect) -> Self {
        match dialect {
            Dialect::BetterAuth => Self::empty(StatusCode::NOT_FOUND),
            Dialect::Panel => Self::panel_refusal(PanelRefusal::NotFound),
        }
    }

    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    #[must_use]
    pub fn replacing(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.retain(|(present, _)| *present != name);
        self.with(name, value)
    }

    /// Tells the proxy that has asked who is calling.
    #[must_use]
    pub fn naming(mut self, names: Arc<Names>) -> Self {
        self.names = Some(names);
        self
    }

    /// Also for caches that know nothing of `Cache-Control`.
    #[must_use]
    pub fn with_pragma(self) -> Self {
        self.with(header::PRAGMA, NO_CACHE)
    }

    /// Adds `Set-Cookie` lines as [`contract::cookies`] writes them.
    pub fn with_cookies(mut self, lines: impl IntoIterator<Item = String>) -> Result<Self, Fault> {
        for line in lines {
            let value = HeaderValue::try_from(line).doing("writing a cookie")?;
            self.headers.push((header::SET_COOKIE, value));
        }
        Ok(self)
    }

    fn with_retry_after(self) -> Self {
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            return self.with(header::RETRY_AFTER, RETRY_AFTER_SECS);
        }
        self
    }

    /// Sends the answer. A body that the client is still sending is read to its
    /// end, for a moment, so that it is not taken for the next request.
    pub async fn send(self, session: &mut Session, ctx: &Ctx, dress: &dress::Dress) -> Result<()> {
        let mut response = ResponseHeader::build(self.status, Some(self.headers.len() + 16))?;
        for (name, value) in self.headers {
            response.append_header(name, value)?;
        }
        if self.status != StatusCode::NO_CONTENT {
            response.insert_header(header::CONTENT_LENGTH, self.body.len())?;
        }
        dress.ours(&mut response, ctx)?;
        for (name, value) in self.names.iter().flat_map(|names| names.iter()) {
            response.insert_header(*name, value.clone())?;
        }
        session.set_total_drain_timeout(Some(DRAIN));
        let has_body = !self.body.is_empty();
        session.write_response_header(Box::new(response), !has_body).await?;
        if has_body {
            session.write_response_body(Some(self.body), true).await?;
        }
        Ok(())
    }
}

/// Logs a fault and answers for it.
#[must_use]
pub fn faulty(fault: &Fault, dialect: Dialect) -> Answer {
    tracing::error!(error = %Chain(fault), outage = fault.is_outage(), "a request failed");
    Answer::unavailable(dialect)
}
