//! Where a provider is asked.

use std::{fmt, str::FromStr};

use url::{Host, Url};

/// How far a request to an endpoint may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// The operator wrote this address down: it may be in their own network.
    Anywhere,
    /// We know it from elsewhere: the internet only.
    Internet,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Endpoint {
    pub(crate) url: Url,
    pub(crate) reach: Reach,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an http or https address without user, query and fragment")]
pub(crate) struct NotAnEndpoint;

impl Endpoint {
    /// One of the addresses that everybody knows.
    ///
    /// # Panics
    /// When the text is no address.
    pub(crate) fn well_known(text: &'static str) -> Self {
        Self { url: Url::parse(text).expect("a well-known address"), reach: Reach::Internet }
    }

    /// One that a provider's own document names. It is as trusted as the document where it
    /// has the document's origin, and may go no further than the internet, by TLS, where
    /// it has not.
    pub(crate) fn named_by(document: &Self, text: &str) -> Result<Self, NotAnEndpoint> {
        let url = parse(text)?;
        if url.origin() == document.url.origin() {
            return Ok(Self { url, reach: document.reach });
        }
        if url.scheme() == "https" {
            Ok(Self { url, reach: Reach::Internet })
        } else {
            Err(NotAnEndpoint)
        }
    }

    /// A path below this address.
    pub(crate) fn below(&self, path: &str) -> Self {
        let mut url = self.url.clone();
        url.set_path(&format!("{}{path}", self.url.path().trim_end_matches('/')));
        Self { url, reach: self.reach }
    }

    /// The host, where it is no name but an address.
    pub(crate) fn literal(&self) -> Option<std::net::IpAddr> {
        match self.url.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }
}

impl FromStr for Endpoint {
    type Err = NotAnEndpoint;

    /// As the operator wrote it down.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text).map(|url| Self { url, reach: Reach::Anywhere })
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.url.fmt(f)
    }
}

fn parse(text: &str) -> Result<Url, NotAnEndpoint> {
    let url = Url::parse(text).map_err(|_| NotAnEndpoint)?;
    let is_plain = matches!(url.scheme(), "http" | "https")
        && url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    if is_plain { Ok(url) } else { Err(NotAnEndpoint) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_names_no_address_in_our_own_network() {
        let document: Endpoint = "http://id.internal:8080/x".parse().expect("an address");
        let own = Endpoint::named_by(&document, "http://id.internal:8080/token").expect("its own");
        assert_eq!(own.reach, Reach::Anywhere);
        let other = Endpoint::named_by(&document, "https://169.254.169.254/token").expect("https");
        assert_eq!(other.reach, Reach::Internet);
        for text in [
            "http://id.internal/token",
            "http://10.0.0.1/",
            "file:///etc/passwd",
            "//x",
            "https://a@b.example/",
        ] {
            assert!(Endpoint::named_by(&document, text).is_err(), "{text}");
        }
        let known = Endpoint::well_known("https://accounts.google.com");
        assert_eq!(
            Endpoint::named_by(&known, "https://accounts.google.com/x").expect("own").reach,
            Reach::Internet
        );
    }

    #[test]
    fn a_path_is_put_below_the_base() {
        let base: Endpoint = "https://ghe.example/api/v3/".parse().expect("an address");
        assert_eq!(
            base.below("/user/emails").to_string(),
            "https://ghe.example/api/v3/user/emails"
        );
        assert_eq!(
            Endpoint::well_known("https://api.github.com").below("/user").to_string(),
            "https://api.github.com/user"
        );
    }
}
