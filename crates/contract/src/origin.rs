//! Which web pages may talk to us, and where we may send a browser (contract 9).

use http::{HeaderMap, HeaderName, header};
use url::Url;

use crate::{Refusal, internal::COOKIE_FROM_BEARER_HEADER};

/// Origins whose pages are ours: the API's own, the frontend's, and what the
/// operator added. Compared whole; there are no wildcards.
#[derive(Debug, Clone)]
pub struct TrustedOrigins {
    own: String,
    all: Vec<String>,
}

/// Not a bare `scheme://host[:port]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an http or https origin such as https://panel.example.com, with no path")]
pub struct NotAnOrigin;

/// Whether an endpoint signs people in, and so must not be reachable by a form on
/// a foreign page even when no cookie comes along (contract 9.2 B).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignsIn {
    Yes,
    No,
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The origin of a URL that is nothing more than an origin.
pub fn bare_origin(text: &str) -> Result<String, NotAnOrigin> {
    let url = Url::parse(text).map_err(|_| NotAnOrigin)?;
    let is_bare = matches!(url.scheme(), "http" | "https")
        && url.path() == "/"
        && url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    if is_bare { Ok(url.origin().ascii_serialization()) } else { Err(NotAnOrigin) }
}

impl TrustedOrigins {
    /// `own` and `others` are bare origins, as [`bare_origin`] gives them.
    #[must_use]
    pub fn new(own: String, others: impl IntoIterator<Item = String>) -> Self {
        let all = std::iter::once(own.clone()).chain(others).collect();
        Self { own, all }
    }

    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        self.all.iter().any(|trusted| trusted == origin)
    }

    /// All of them, the API's own first.
    pub fn all(&self) -> impl Iterator<Item = &str> {
        self.all.iter().map(String::as_str)
    }

    /// Judges a request that may change something (contract 9.2).
    ///
    /// Stricter than the original in one point, as contract 9.2 advises: an
    /// `Origin` or `Referer` that is there must be trusted, cookie or not, and a
    /// request that says it is cross-site must name its origin.
    pub fn check(&self, headers: &HeaderMap, signs_in: SignsIn) -> Result<(), Refusal> {
        let text =
            |name| headers.get(name).map(|value| value.to_str().unwrap_or("unreadable").trim());
        // Only the gateway can say so; it removes the header from what it is sent.
        let from_bearer = headers.contains_key(COOKIE_FROM_BEARER_HEADER);
        let has_cookie = headers.contains_key(header::COOKIE) && !from_bearer;
        let site = text(FETCH_SITE).filter(|site| !site.is_empty());
        let mode = text(FETCH_MODE).filter(|mode| !mode.is_empty());
        let dest = text(FETCH_DEST).filter(|dest| !dest.is_empty());
        let is_browser = site.is_some() || mode.is_some() || dest.is_some();
        let claimed = text(header::ORIGIN).or_else(|| text(header::REFERER));

        if signs_in == SignsIn::Yes
            && !has_cookie
            && site == Some("cross-site")
            && mode == Some("navigate")
        {
            return Err(Refusal::CrossSiteNavigation);
        }
        let must_name_itself = has_cookie
            || (signs_in == SignsIn::Yes && is_browser)
            || matches!(site, Some("cross-site" | "same-site"));
        match claimed {
            None if must_name_itself => Err(Refusal::MissingOrNullOrigin),
            None => Ok(()),
            Some("null") if site == Some("same-origin") => self.require(&self.own),
            Some("null") => Err(Refusal::MissingOrNullOrigin),
            Some(_) if headers.get_all(header::ORIGIN).iter().count() > 1 => {
                Err(Refusal::InvalidOrigin)
            }
            Some(claimed) => self.require_url(claimed),
        }
    }

    fn require_url(&self, text: &str) -> Result<(), Refusal> {
        let url = Url::parse(text).map_err(|_| Refusal::InvalidOrigin)?;
        self.require(&url.origin().ascii_serialization())
    }

    fn require(&self, origin: &str) -> Result<(), Refusal> {
        if self.contains(origin) { Ok(()) } else { Err(Refusal::InvalidOrigin) }
    }

    /// Whether we may send a browser to `target`: a page on a trusted origin, or
    /// an absolute path on our own (contract 9.3, with the rule of 9.4).
    #[must_use]
    pub fn allows_callback(&self, target: &str) -> bool {
        if target.starts_with('/') {
            return is_safe_path(target);
        }
        Url::parse(target).is_ok_and(|url| {
            matches!(url.scheme(), "http" | "https")
                && !target.contains(char::is_control)
                && self.contains(&url.origin().ascii_serialization())
        })
    }
}

/// A path that no parser takes for another host: no `//`, no backslash, no
/// control character, no dot segment, none of them percent-encoded either. The
/// query and the fragment are free, but for control characters.
fn is_safe_path(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let lower = path.to_ascii_lowercase();
    let is_dots = |segment: &str| matches!(segment.replace("%2e", ".").as_str(), "." | "..");
    !target.contains(char::is_control)
        && !["//", "\\", "%2f", "%5c"].iter().any(|trick| lower.contains(trick))
        && !lower.split('/').any(is_dots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn trusted() -> TrustedOrigins {
        TrustedOrigins::new("http://localhost:3001".into(), ["http://localhost:5173".into()])
    }

    fn judge(headers: &[(&'static str, &'static str)], signs_in: SignsIn) -> Result<(), Refusal> {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        trusted().check(&headers.iter().map(pair).collect(), signs_in)
    }

    #[test]
    fn a_cookie_that_was_a_bearer_token_does_not() {
        let cookie = ("cookie", "better-auth.session_token=x");
        let made = (COOKIE_FROM_BEARER_HEADER, "true");
        assert_eq!(judge(&[cookie, made], SignsIn::No), Ok(()));
        assert_eq!(judge(&[cookie, made], SignsIn::Yes), Ok(()));
        let foreign = ("origin", "https://evil.example");
        assert_eq!(judge(&[cookie, made, foreign], SignsIn::No), Err(Refusal::InvalidOrigin));
    }

    #[test]
    fn a_cookie_makes_an_origin_due() {
        let cookie = ("cookie", "theme=dark");
        assert_eq!(judge(&[cookie], SignsIn::No), Err(Refusal::MissingOrNullOrigin));
        assert_eq!(
            judge(&[cookie, ("origin", "null")], SignsIn::No),
            Err(Refusal::MissingOrNullOrigin)
        );
        assert_eq!(
            judge(&[cookie, ("origin", "http://evil.com")], SignsIn::No),
            Err(Refusal::InvalidOrigin)
        );
        assert_eq!(
            judge(&[cookie, ("origin", "nonsense")], SignsIn::No),
            Err(Refusal::InvalidOrigin)
        );
        assert_eq!(judge(&[cookie, ("origin", "http://localhost:5173")], SignsIn::No), Ok(()));
        assert_eq!(judge(&[cookie, ("referer", "http://LOCALHOST:5173/a?b")], SignsIn::No), Ok(()));
        let same_origin = ("sec-fetch-site", "same-origin");
        assert_eq!(judge(&[cookie, ("origin", "null"), same_origin], SignsIn::No), Ok(()));
    }

    #[test]
    fn signing_in_without_a_cookie_looks_at_what_browsers_say() {
        assert_eq!(judge(&[], SignsIn::Yes), Ok(()));
        assert_eq!(
            judge(&[("sec-fetch-mode", "cors")], SignsIn::Yes),
            Err(Refusal::MissingOrNullOrigin)
        );
        assert_eq!(
            judge(&[("origin", "http://evil.com")], SignsIn::Yes),
            Err(Refusal::InvalidOrigin)
        );
        let navigation = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert_eq!(judge(&navigation, SignsIn::Yes), Err(Refusal::CrossSiteNavigation));
    }

    #[test]
    fn a_foreign_page_can_not_act_without_a_cookie_either() {
        assert_eq!(
            judge(&[("origin", "http://evil.com")], SignsIn::No),
            Err(Refusal::InvalidOrigin)
        );
        assert_eq!(
            judge(&[("sec-fetch-site", "cross-site")], SignsIn::No),
            Err(Refusal::MissingOrNullOrigin)
        );
        assert_eq!(judge(&[("sec-fetch-mode", "cors")], SignsIn::No), Ok(()));
    }

    #[test]
    fn callbacks_of_the_contract_are_judged_as_it_says() {
        for target in [
            "/dash",
            "/foo?x=%2F%2Fevil",
            "/foo?u=http://evil.com",
            "/a b",
            "/é",
            "http://localhost:5173",
            "http://localhost:5173/x",
            "HTTP://LOCALHOST:5173/x",
            "http://evil.com@localhost:5173/",
            "http:\\\\localhost:5173\\x",
            "http://localhost:3001/x",
        ] {
            assert!(trusted().allows_callback(target), "{target}");
        }
        for target in [
            "//evil.com",
            "/\\evil.com",
            "/%5Cevil.com",
            "/%2f/evil",
            "/a%2Fb",
            "dash",
            "?x=1",
            "#a",
            "http://localhost:5173.evil.com",
            "http://localhost:5173@evil.com",
            "https://localhost:5173",
            "http://localhost:51730",
            "http://localhost",
            "javascript:alert(1)",
            "data:text/html,x",
            "\t/foo",
            "/foo\n",
            "myapp://x",
            "/..//evil.com",
            "/.//evil.com",
            "/x/..//evil.com",
            "/%2e%2e//evil.com",
            "/%2e/x",
            "/a/../b",
        ] {
            assert!(!trusted().allows_callback(target), "{target:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        /// The oracle is what a browser's URL parser makes of it.
        #[test]
        fn an_allowed_callback_never_leaves_the_trusted_origins(
            target in "[/\\\\]{0,3}[.%25eEfF/\\\\a@:?#\t]{0,12}(evil\\.com)?[/\\\\.]{0,3}"
        ) {
            if trusted().allows_callback(&target) {
                let base = Url::parse("http://localhost:3001/a/b").expect("a URL");
                let landed = base.join(&target).expect("an allowed target resolves");
                prop_assert!(trusted().contains(&landed.origin().ascii_serialization()), "{}", landed);
                prop_assert!(!landed.path().starts_with("//"), "{}", landed);
            }
        }
    }

    #[test]
    fn only_bare_origins_are_origins() {
        assert_eq!(
            bare_origin("HTTPS://Panel.Example.com:443/"),
            Ok("https://panel.example.com".into())
        );
        for text in
            ["panel.example.com", "https://panel.example.com/app", "ftp://x.y", "https://a@b.c", ""]
        {
            assert_eq!(bare_origin(text), Err(NotAnOrigin), "{text}");
        }
    }
}
