//! Bodies that nobody reads, on connections that stay open (PR3).

use e2e::{Silence, Wire, dice, shared};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{cookie_line, user};

const REQUESTS: usize = 800;

/// Requests that are answered without anybody looking at their bodies: method, path.
const EARLY: [(&str, &str); 14] = [
    ("GET", "/api/auth/get-session"),
    ("POST", "/api/auth/get-session"),
    ("GET", "/api/auth/ok"),
    ("GET", "/health"),
    ("POST", "/health"),
    ("GET", "/.well-known/jwks.json"),
    ("GET", "/api/ws/token"),
    ("POST", "/api/request"),
    ("POST", "/api/admin-area"),
    ("POST", "/nowhere"),
    ("DELETE", "/api/auth/sign-out"),
    ("POST", "/api/auth/nowhere"),
    ("POST", "/api//public"),
    ("TRACE", "/health"),
];

/// What would be answered with this mark if a body were read as a request.
const HIDDEN: &str = "GET /api/public?hidden HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// A body in its framing.
fn body(rng: &mut StdRng) -> Vec<u8> {
    let mut content = match rng.random_range(0..5) {
        0 => String::new(),
        1 => HIDDEN.to_owned(),
        2 => HIDDEN.repeat(rng.random_range(2..300)),
        3 => "x".repeat(rng.random_range(1..200_000)),
        _ => format!("0\r\n\r\n{HIDDEN}"),
    };
    if rng.random_bool(0.5) {
        return format!("Content-Length: {}\r\n\r\n{content}", content.len()).into_bytes();
    }
    let mut pieces = Vec::new();
    while !content.is_empty() {
        let rest = content.split_off(rng.random_range(1..=content.len()));
        pieces.push(format!("{:x}\r\n{content}\r\n", content.len()));
        content = rest;
    }
    format!("Transfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n", pieces.concat()).into_bytes()
}

#[tokio::test]
async fn no_unread_body_becomes_a_request() {
    let (seed, mut rng) = dice();
    let urls = shared().await;
    let cookie = cookie_line(&user().await);
    let (mut wire, mut reused) = (Wire::open(&urls.gateway_url).await, 0);
    for number in 0..REQUESTS {
        let (method, path) = EARLY.choose(&mut rng).expect("some");
        let cookie = if rng.random_bool(0.3) { cookie.as_str() } else { "" };
        let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}");
        let mut request = [head.as_bytes(), &body(&mut rng)].concat();
        // In one write with the body, or afterwards.
        let next = format!("GET /api/public?next={number} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let at_once = rng.random_bool(0.5);
        if at_once {
            request.extend_from_slice(next.as_bytes());
        }
        let shown = String::from_utf8_lossy(&request[..request.len().min(500)]).into_owned();
        wire.send(&request).await;
        let first = match wire.answer().await {
            Ok(first) => first,
            Err(silence) => {
                assert_eq!(silence, Silence::Closed, "seed {seed}: {shown}");
                wire = Wire::open(&urls.gateway_url).await;
                continue;
            }
        };
        assert!(!first.body.contains("hidden"), "seed {seed}: {shown} {first:?}");
        if !at_once {
            wire.send(next.as_bytes()).await;
        }
        match wire.answer().await {
            Ok(second) => {
                let echo = second.expect(200).json();
                assert_eq!(echo["query"], format!("next={number}"), "seed {seed}: {shown}");
                reused += 1;
            }
            Err(silence) => {
                assert_eq!(silence, Silence::Closed, "seed {seed}: {shown}");
                wire = Wire::open(&urls.gateway_url).await;
            }
        }
    }
    assert!(reused > 20, "seed {seed}: only {reused} connections went on");
}
