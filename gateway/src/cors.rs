//! Which pages may read our answers: those on a trusted origin, named one by one.

use contract::origin::TrustedOrigins;
use http::{HeaderMap, HeaderName, HeaderValue, Method, header};

const EXPOSED: HeaderValue = HeaderValue::from_static(
    "X-Retry-After, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id",
);
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE, OPTIONS");
const ALLOWED: HeaderValue = HeaderValue::from_static("Content-Type, Authorization, X-Setup-Token");
const MAX_AGE_SECS: HeaderValue = HeaderValue::from_static("600");
const TRUE: HeaderValue = HeaderValue::from_static("true");
const ORIGIN: HeaderValue = HeaderValue::from_static("Origin");

/// The caller's origin, if its pages may read the answer.
#[must_use]
pub fn readable_by(headers: &HeaderMap, origins: &TrustedOrigins) -> Option<HeaderValue> {
    let mut claimed = headers.get_all(header::ORIGIN).iter();
    let origin = claimed.next()?;
    let alone = claimed.next().is_none();
    let trusted = origin.to_str().is_ok_and(|origin| origins.contains(origin));
    (alone && trusted).then(|| origin.clone())
}

/// Whether a browser is asking for permission to ask.
#[must_use]
pub fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS
        && headers.contains_key(header::ORIGIN)
        && headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Headers of every answer. `Vary` goes on those to strangers too, or a cache would
/// hand them to friends.
#[must_use]
pub fn on_answer(readable_by: Option<&HeaderValue>) -> Vec<(HeaderName, HeaderValue)> {
    let mut headers = vec![(header::VARY, ORIGIN)];
    if let Some(origin) = readable_by {
        headers.push((header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone()));
        headers.push((header::ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE));
        headers.push((header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED));
    }
    headers
}

/// Further headers of the answer to a preflight.
#[must_use]
pub fn on_preflight(readable_by: Option<&HeaderValue>) -> Vec<(HeaderName, HeaderValue)> {
    match readable_by {
        None => Vec::new(),
        Some(_) => vec![
            (header::ACCESS_CONTROL_ALLOW_METHODS, METHODS),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED),
            (header::ACCESS_CONTROL_MAX_AGE, MAX_AGE_SECS),
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn readable(origins: &[&'static str]) -> bool {
        let trusted = TrustedOrigins::new(
            "http://localhost:3001".into(),
            ["https://panel.example.com".into()],
        );
        let header = |value: &&'static str| (header::ORIGIN, HeaderValue::from_static(value));
        readable_by(&origins.iter().map(header).collect(), &trusted).is_some()
    }

    #[test]
    fn only_exact_origins_are_echoed() {
        assert!(readable(&["https://panel.example.com"]));
        for origin in [
            "https://panel.example.com.evil.com",
            "https://evil-panel.example.com",
            "http://panel.example.com",
            "https://panel.example.com:8443",
            "https://PANEL.example.com",
            "null",
            "*",
            "https://panel.example.com/",
        ] {
            assert!(!readable(&[origin]), "{origin}");
        }
        assert!(!readable(&["https://panel.example.com", "https://evil.com"]));
        assert!(!readable(&[]));
    }
}
