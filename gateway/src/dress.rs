//! Headers that every answer gets, whoever made it.

use std::sync::Arc;

use contract::{cookies::Cookies, internal::REQUEST_ID_HEADER};
use http::{HeaderName, HeaderValue, header};
use pingora::{http::ResponseHeader, prelude::*};

use crate::{bearer, cors, ctx::Ctx, identity, limits::Allowance};

/// What browsers are told about our own answers (contract 16).
const SECURITY: [(HeaderName, HeaderValue); 5] = [
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin")),
    (
        HeaderName::from_static("permissions-policy"),
        HeaderValue::from_static("camera=(), microphone=(), geolocation=()"),
    ),
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    ),
];
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000; includeSubDomains");

/// Names that tell an attacker what runs here.
const CHATTER: [HeaderName; 2] = [header::SERVER, HeaderName::from_static("x-powered-by")];

pub struct Dress {
    /// The deployment is reached by https.
    pub secure: bool,
    /// Where bearer tokens are taken, what is put into a cookie is put into a header too.
    pub bearer: Option<Arc<Cookies>>,
}

impl Dress {
    /// An answer of ours, or of one of our services.
    pub fn ours(&self, response: &mut ResponseHeader, ctx: &Ctx) -> Result<()> {
        for (name, value) in SECURITY {
            if !is_chosen(response, &name) {
                response.insert_header(name, value)?;
            }
        }
        if self.secure {
            response.insert_header(header::STRICT_TRANSPORT_SECURITY, HSTS)?;
        }
        all(response, ctx)?;
        self.bearer.as_ref().map_or(Ok(()), |cookies| bearer::give(response, cookies))
    }

    /// An answer of the application, whose own headers are its own business.
    pub fn theirs(&self, response: &mut ResponseHeader, ctx: &Ctx) -> Result<()> {
        all(response, ctx)
    }
}

/// Whether the answer has chosen for itself: a page may have a style, and the
/// address of a page may be a secret that no other site must see.
fn is_chosen(response: &ResponseHeader, name: &HeaderName) -> bool {
    let may_choose = [header::REFERRER_POLICY, header::CONTENT_SECURITY_POLICY].contains(name);
    may_choose && response.headers.contains_key(name)
}

fn all(response: &mut ResponseHeader, ctx: &Ctx) -> Result<()> {
    let leaked: Vec<_> =
        response.headers.keys().filter(|name| identity::is_ours(name)).cloned().collect();
    for name in leaked.iter().chain(&CHATTER) {
        response.remove_header(name);
    }
    response.insert_header(REQUEST_ID_HEADER, ctx.request_id.as_str())?;
    for (name, value) in cors::on_answer(ctx.readable_by.as_ref()) {
        if name == header::VARY {
            response.append_header(name, value)?;
        } else {
            response.insert_header(name, value)?;
        }
    }
    if let Some(allowance) = ctx.allowance {
        allowance_headers(response, allowance, ctx)?;
    }
    Ok(())
}

fn allowance_headers(response: &mut ResponseHeader, allowance: Allowance, ctx: &Ctx) -> Result<()> {
    let resets_at = (ctx.now + allowance.resets_in).unix_seconds();
    response.insert_header("X-RateLimit-Limit", allowance.limit.to_string())?;
    response.insert_header("X-RateLimit-Remaining", allowance.remaining.to_string())?;
    response.insert_header("X-RateLimit-Reset", resets_at.to_string())
}
