//! Origins, cookies and proxies, as far as the configuration alone tells.

use ipnet::IpNet;
use service_kit::{Deployment, deployment::is_loopback};
use url::{Host, Url};

use super::{finding::Finding, surroundings::Surroundings};

/// Cookies are for one host and `SameSite=Lax`: the panel's pages must belong to
/// the same site, or browsers leave them out of its requests (RFC 6265bis, 5.2).
pub(crate) fn cookies(deployment: &Deployment) -> Vec<Finding> {
    let (api, frontend) = (&deployment.api_origin, &deployment.frontend_origin);
    let mut findings = Vec::new();
    if !is_loopback(api) && api.starts_with("http://") {
        findings.push(Finding::bad(
            "cookies",
            format!("{api} is no https address: session cookies travel in the clear"),
            "put TLS in front, and set API_URL to the https address",
        ));
    }
    match (site(api), site(frontend)) {
        (Some(ours), Some(theirs)) if ours == theirs => findings.push(Finding::good(
            "cookies",
            format!("set for the host of {api} alone; {frontend} is of the same site"),
        )),
        _ => findings.push(Finding::bad(
            "cookies",
            format!("{frontend} and {api} are different sites: browsers will not send the cookies"),
            "serve both below one domain, such as panel.example.com and api.panel.example.com",
        )),
    }
    findings
}

/// Whether what is said to this host stays on this machine.
pub(crate) fn is_here(host: &str) -> bool {
    host.starts_with('/') || host == "localhost" || host == "::1" || host.starts_with("127.")
}

/// What is said to a store can be heard on the way.
pub(crate) fn in_the_clear(subject: &'static str, said: &str, remedy: &str) -> Finding {
    Finding::warning(
        subject,
        format!("{said}, without TLS"),
        format!("{remedy}, unless the network between is yours alone"),
    )
}

/// Scheme and registrable domain; a name without one is a site of its own.
fn site(origin: &str) -> Option<(String, String)> {
    let url = Url::parse(origin).ok()?;
    let name = match url.host()? {
        Host::Domain(name) => psl::domain_str(name).unwrap_or(name).to_owned(),
        address => address.to_string(),
    };
    Some((url.scheme().to_owned(), name))
}

pub(crate) fn trusted_proxies(surroundings: &Surroundings) -> Vec<Finding> {
    const SUBJECT: &str = "proxies";
    let text = surroundings.env().text("TRUSTED_PROXIES").unwrap_or_default();
    let networks = text.split(',').filter_map(|entry| entry.trim().parse::<IpNet>().ok());
    let wide = networks.filter(is_wide).map(|network| {
        Finding::bad(
            SUBJECT,
            format!("TRUSTED_PROXIES has {network}: anybody there can claim any address"),
            "name only the proxies in front of the gateway, or the private network they are in",
        )
    });
    wide.collect()
}

/// More than a private network needs.
fn is_wide(network: &IpNet) -> bool {
    match network {
        IpNet::V4(network) => network.prefix_len() < 8,
        IpNet::V6(network) => network.prefix_len() < 7,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        site(a) == site(b)
    }

    #[test]
    fn a_site_is_a_scheme_and_what_can_be_registered() {
        assert!(same("https://panel.example.com", "https://api.example.com:8443"));
        assert!(same("http://localhost:3000", "http://localhost:3001"));
        assert!(!same("https://panel.example.com", "http://api.example.com"));
        assert!(!same("https://one.github.io", "https://two.github.io"));
        assert!(!same("https://example.com", "https://example.org"));
        assert!(!same("http://127.0.0.1", "http://localhost"));
    }

    #[test]
    fn the_whole_world_is_no_proxy() {
        let found = |text| trusted_proxies(&Surroundings::of(&[("TRUSTED_PROXIES", text)])).len();
        assert_eq!(found("10.0.0.0/8, 127.0.0.1, fd00::/8"), 0);
        assert_eq!(found("0.0.0.0/0,::/0"), 2);
        assert_eq!(found(""), 0);
    }
}
