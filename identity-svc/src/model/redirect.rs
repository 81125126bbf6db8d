//! Where a browser is sent when a link of ours has been followed.

use contract::{Refusal, origin::TrustedOrigins, uri::component};
use url::Url;

/// The callback with `error=CODE` in its query, before any fragment (contract 4.8).
#[must_use]
pub fn with_error(callback: &str, refusal: Refusal) -> String {
    with_query(callback, &[("error", refusal.code())])
}

/// The callback with these in its query too, before any fragment.
#[must_use]
pub fn with_query(callback: &str, pairs: &[(&str, &str)]) -> String {
    let (address, fragment) = match callback.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (callback, String::new()),
    };
    let mut separator = if address.contains('?') { '&' } else { '?' };
    let mut address = address.to_owned();
    for (name, value) in pairs {
        address.push(separator);
        address.extend([*name, "=", component(value).to_string().as_str()]);
        separator = '&';
    }
    address + &fragment
}

/// The callback as an absolute URL, with one parameter set in its query (contract
/// 4.5). Nothing when it does not lead to a trusted origin: it is judged here once
/// more, because what a parser makes of a text is what a browser follows.
#[must_use]
pub fn with_parameter(
    callback: &str,
    (name, value): (&str, &str),
    api_origin: &str,
    origins: &TrustedOrigins,
) -> Option<String> {
    let mut url = Url::parse(api_origin).ok()?.join(callback).ok()?;
    let kept: Vec<(String, String)> =
        url.query_pairs().into_owned().filter(|(existing, _)| existing != name).collect();
    url.query_pairs_mut().clear().extend_pairs(kept).append_pair(name, value);
    origins.contains(&url.origin().ascii_serialization()).then(|| url.into())
}

/// The code of an error page (contract 4.19): what may stand in one, else `UNKNOWN`.
#[must_use]
pub fn error_code(given: Option<&str>) -> &str {
    let fits = |code: &&str| {
        !code.is_empty()
            && code.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"'_-".contains(&byte))
    };
    given.filter(fits).unwrap_or("UNKNOWN")
}

#[cfg(test)]
mod tests {
    use super::*;

    const API: &str = "http://localhost:3001";

    fn with_token(callback: &str) -> Option<String> {
        let origins = TrustedOrigins::new(API.into(), ["http://localhost:5173".into()]);
        with_parameter(callback, ("token", "t"), API, &origins)
    }

    #[test]
    fn the_error_joins_the_query_before_the_fragment() {
        let with = |callback| with_error(callback, Refusal::InvalidToken);
        assert_eq!(with("/a"), "/a?error=INVALID_TOKEN");
        assert_eq!(with("/a?b=c#d"), "/a?b=c&error=INVALID_TOKEN#d");
        let hostile = with_query("/a", &[("error", "x&y=z#\r\n"), ("error_description", "a b")]);
        assert_eq!(hostile, "/a?error=x%26y%3Dz%23%0D%0A&error_description=a%20b");
    }

    #[test]
    fn a_parameter_takes_the_place_of_one_that_is_there() {
        assert_eq!(with_token("/new"), Some("http://localhost:3001/new?token=t".into()));
        assert_eq!(
            with_token("http://localhost:5173/new?a=b&token=x#c"),
            Some("http://localhost:5173/new?a=b&token=t#c".into())
        );
    }

    #[test]
    fn a_token_is_sent_to_no_stranger() {
        for callback in [
            "//evil.com",
            "http://evil.com",
            "/\\evil.com",
            "http://localhost:5173@evil.com/",
            "javascript:x",
        ] {
            assert_eq!(with_token(callback), None, "{callback}");
        }
    }

    #[test]
    fn a_code_is_a_word_or_unknown() {
        assert_eq!(error_code(Some("INVALID_TOKEN")), "INVALID_TOKEN");
        for code in [None, Some(""), Some("<b>"), Some("a b"), Some("é")] {
            assert_eq!(error_code(code), "UNKNOWN");
        }
    }
}
