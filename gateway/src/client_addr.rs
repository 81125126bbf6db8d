//! Which address is the caller's, and why we believe it.
//!
//! `X-Forwarded-For` is written by whoever sends it. It is read from the right, as
//! far as the hops are proxies that the operator named; the first other one is the
//! caller. A hop that is no address ends the reading: then the last address that
//! was good stands, never "unknown".

use std::net::{IpAddr, Ipv6Addr};

use http::{HeaderMap, uri::Scheme};
use ipnet::IpNet;
use pingora::proxy::Session;

const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_PROTO: &str = "x-forwarded-proto";

/// The caller's address, seen from a connection that comes from `peer`.
#[must_use]
pub fn client_addr(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut caller = peer.to_canonical();
    let lines = headers.get_all(FORWARDED_FOR).iter().rev();
    let hops = lines.flat_map(|line| line.as_bytes().rsplit(|byte| *byte == b','));
    for hop in hops {
        if !is_trusted(caller) {
            break;
        }
        let Some(address) = parse(hop) else { break };
        caller = address.to_canonical();
    }
    caller
}

/// Each hop by itself: what a caller wrote in front does not spoil what a proxy added.
fn parse(hop: &[u8]) -> Option<IpAddr> {
    std::str::from_utf8(hop.trim_ascii()).ok()?.parse().ok()
}

/// The scheme that the client speaks. Of a plain connection from a proxy that we trust,
/// the proxy knows.
#[must_use]
pub fn scheme(session: &Session, trusted: &[IpNet]) -> Scheme {
    let is_tls = session.digest().is_some_and(|digest| digest.ssl_digest.is_some());
    let peer = session.client_addr().and_then(|address| address.as_inet());
    let peer = peer.map(|address| address.ip().to_canonical());
    let is_trusted = peer.is_some_and(|peer| trusted.iter().any(|one| one.contains(&peer)));
    if is_tls { Scheme::HTTPS } else { scheme_of(is_trusted, &session.req_header().headers) }
}

fn scheme_of(is_trusted: bool, headers: &HeaderMap) -> Scheme {
    let said = headers.get_all(FORWARDED_PROTO).iter().next_back();
    let said = said.and_then(|line| line.to_str().ok()?.rsplit(',').next());
    match said.map(str::trim) {
        Some(said) if is_trusted && said.eq_ignore_ascii_case("https") => Scheme::HTTPS,
        _ => Scheme::HTTP,
    }
}

/// How an address is stored and counted (contract 3.11): IPv4 as it is, IPv6 by
/// its /64, lower case and written out, because one subscriber has them all.
#[must_use]
pub fn canonical_text(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            let network = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
            let groups: Vec<_> =
                network.segments().iter().map(|group| format!("{group:04x}")).collect();
            groups.join(":")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderName, HeaderValue};

    fn seen(peer: &str, forwarded: &[&str]) -> String {
        let trusted =
            ["127.0.0.0/8".parse().expect("a network"), "10.0.0.0/8".parse().expect("a network")];
        let header = |value: &&str| {
            let value = HeaderValue::from_str(value).expect("a value");
            (HeaderName::from_static(FORWARDED_FOR), value)
        };
        let headers = forwarded.iter().map(header).collect();
        canonical_text(client_addr(peer.parse().expect("an address"), &headers, &trusted))
    }

    #[test]
    fn a_stranger_can_not_name_themselves() {
        assert_eq!(seen("203.0.113.7", &["198.51.100.1"]), "203.0.113.7");
    }

    #[test]
    fn trusted_hops_are_passed_from_the_right() {
        assert_eq!(seen("127.0.0.1", &["198.51.100.1"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6, 198.51.100.1, 10.0.0.9"]), "198.51.100.1");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6", "198.51.100.1", "10.0.0.9"]), "198.51.100.1");
    }

    #[test]
    fn rubbish_ends_the_reading_at_what_was_known() {
        assert_eq!(seen("127.0.0.1", &["nonsense"]), "127.0.0.1");
        assert_eq!(seen("127.0.0.1", &["6.6.6.6, , 10.0.0.9"]), "10.0.0.9");
        assert_eq!(seen("127.0.0.1", &[]), "127.0.0.1");
    }

    #[test]
    fn the_scheme_is_told_by_proxies_that_we_trust_and_nobody_else() {
        let told = |is_trusted, lines: &[&'static str]| {
            let header = |line: &&'static str| {
                (HeaderName::from_static(FORWARDED_PROTO), HeaderValue::from_static(line))
            };
            let mut headers = HeaderMap::new();
            for (name, value) in lines.iter().map(header) {
                headers.append(name, value);
            }
            scheme_of(is_trusted, &headers)
        };
        assert_eq!(told(true, &["https"]), Scheme::HTTPS);
        assert_eq!(told(true, &["http, HTTPS"]), Scheme::HTTPS, "the last hop is ours");
        assert_eq!(told(true, &["https", "http"]), Scheme::HTTP);
        assert_eq!(told(false, &["https"]), Scheme::HTTP);
        assert_eq!(told(true, &["ftp"]), Scheme::HTTP);
        assert_eq!(told(true, &[]), Scheme::HTTP);
    }

    #[test]
    fn one_spelling_for_each_subscriber() {
        assert_eq!(seen("::ffff:203.0.113.7", &[]), "203.0.113.7");
        assert_eq!(seen("2001:DB8::1", &[]), "2001:0db8:0000:0000:0000:0000:0000:0000");
        assert_eq!(seen("2001:db8:0:0:ffff::9", &[]), seen("2001:db8::1", &[]));
    }
}
