use std::net::{IpAddr, Ipv4Addr};

use gateway::client_addr::{canonical_text, client_addr as found};
use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const NAME: HeaderName = HeaderName::from_static("x-forwarded-for");
const TRUSTED_PEER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const STRANGER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

/// An address is the connection's own, or one that stands between two commas behind
/// nothing but trusted ones. Each line is a header.
pub fn client_addr(bytes: &[u8]) {
    let trusted: Vec<IpNet> =
        ["127.0.0.0/8", "::1/128", "10.0.0.0/8"].map(|net| net.parse().expect("a net")).into();
    let Some(headers) = headers(bytes) else { return };

    let address = found(TRUSTED_PEER, &headers, &trusted);
    let hops: Vec<_> = bytes
        .split(|byte| matches!(byte, b',' | b'\n'))
        .map(|hop| std::str::from_utf8(hop.trim_ascii()).ok()?.parse::<IpAddr>().ok())
        .map(|hop| hop.map(|address| address.to_canonical()))
        .collect();
    let is_trusted = |address: &IpAddr| trusted.iter().any(|net| net.contains(address));
    let behind: Vec<_> =
        hops.iter().rev().take_while(|hop| hop.as_ref().is_some_and(is_trusted)).collect();
    let last = behind.len();
    let next = hops.iter().rev().nth(last).copied().flatten();
    let expected = next.or_else(|| behind.last().and_then(|hop| **hop)).unwrap_or(TRUSTED_PEER);
    assert_eq!(address, expected);

    assert_eq!(found(STRANGER, &headers, &trusted), STRANGER, "a stranger names nobody");
    let mut more = headers;
    more.append(NAME, HeaderValue::from_static("198.51.100.7"));
    let added = found(TRUSTED_PEER, &more, &trusted);
    assert_eq!(added.to_string(), "198.51.100.7", "our own proxy has the last word");

    // How it is counted is one spelling, whatever it is read from.
    let text = canonical_text(address);
    assert_eq!(canonical_text(text.parse().expect("an address")), text);
}

fn headers(bytes: &[u8]) -> Option<HeaderMap> {
    let lines = bytes.split(|byte| *byte == b'\n');
    lines.map(|line| Some((NAME, HeaderValue::from_bytes(line).ok()?))).collect()
}
