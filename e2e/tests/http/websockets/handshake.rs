//! What is a handshake, and what passes before it is answered (RFC 6455, section 4).

use e2e::{Browser, Handshake, raw_request, shared};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::{PUBLIC, SESSION, describe};

const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn raw(path: &str, lines: &[&str]) -> String {
    let lines = lines.join("\r\n");
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n")
}

fn in_order() -> Vec<String> {
    ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("Sec-WebSocket-Key: {KEY}")])
        .collect()
}

async fn answer(path: &str, lines: &[String]) -> String {
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    raw_request(&shared().await.gateway_url, raw(path, &lines).as_bytes()).await
}

#[tokio::test]
async fn the_answer_is_the_one_of_rfc_6455() {
    let answer = answer(PUBLIC, &in_order()).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 101"), "{answer}");
    for line in [
        "upgrade: websocket",
        "connection: upgrade",
        "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=",
    ] {
        assert!(answer.contains(line), "{line} in {answer}");
    }
    assert!(!answer.contains("server:") && !answer.contains("transfer-encoding"), "{answer}");
}

#[tokio::test]
async fn half_a_handshake_is_a_bad_request_and_ends_the_connection() {
    for missing in [1, 3] {
        let mut lines = in_order();
        lines.remove(missing);
        let answer = answer(PUBLIC, &lines).await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 400"), "{missing}: {answer}");
        assert!(answer.contains("connection: close"), "{missing}: {answer}");
    }
    for extra in ["Content-Length: 5", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="] {
        let lines = [in_order(), vec![extra.to_owned()]].concat();
        let answer = answer(PUBLIC, &lines).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{extra}: {answer}");
    }
    let mut lines = in_order();
    lines[2] = "Sec-WebSocket-Version: 8".to_owned();
    let answer = answer(PUBLIC, &lines).await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 426"), "{answer}");
    assert!(answer.contains("sec-websocket-version: 13"), "{answer}");
}

/// What a client sends without having waited is no second request, whether the
/// handshake is refused here or by the upstream.
#[tokio::test]
async fn nothing_that_follows_a_refused_handshake_is_read() {
    let smuggled = "GET /api/public HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for (path, status) in [(SESSION, 401), ("/api/ws/elsewhere", 404), ("/api/ws?token=x", 401)] {
        let mut request = raw(path, &in_order().iter().map(String::as_str).collect::<Vec<_>>());
        request.push_str(smuggled);
        let answer = raw_request(&shared().await.gateway_url, request.as_bytes()).await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{path}: {answer}");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
}

/// Frames that come before the 101 reach the upstream after it, as frames.
#[tokio::test]
async fn what_comes_early_arrives_late() {
    let urls = shared().await;
    let address = urls.gateway_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
    let mut request =
        raw(PUBLIC, &in_order().iter().map(String::as_str).collect::<Vec<_>>()).into_bytes();
    let said = br#"{"type":"ping"}"#;
    request.extend([0x81, 0x80 | u8::try_from(said.len()).expect("short"), 0, 0, 0, 0]);
    request.extend(said);
    stream.write_all(&request).await.expect("it is sent");
    let mut heard = Vec::new();
    while !String::from_utf8_lossy(&heard).contains(r#"{"type":"pong"}"#) {
        let count = stream.read_buf(&mut heard).await.expect("an answer");
        assert!(count > 0, "{}", String::from_utf8_lossy(&heard));
    }
}

#[tokio::test]
async fn no_compression_is_negotiated() {
    let urls = shared().await;
    let handshake = Handshake::new(&urls, PUBLIC).from_somewhere();
    let mut socket =
        handshake.header("sec-websocket-extensions", "permessage-deflate").expect_open().await;
    assert!(!socket.response.headers().contains_key("sec-websocket-extensions"));
    let seen = socket.ask(&describe()).await;
    assert_eq!(seen["headers"]["sec-websocket-extensions"], json!(null));
}

/// A route that takes no sockets answers as if nobody had asked for one.
#[tokio::test]
async fn elsewhere_an_upgrade_is_not_heard() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    let mut lines = in_order();
    lines.push(format!("Cookie: better-auth.session_token={}", user.browser.session_cookie()));
    let answer = answer("/api/request", &lines).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let seen: serde_json::Value = serde_json::from_str(body).expect("JSON");
    for name in ["upgrade", "connection"] {
        assert_eq!(seen["headers"][name], json!(null), "{name}");
    }

    let (status, _) = Handshake::new(&urls, "/api/auth/ok").open().await.err().expect("no socket");
    assert_eq!(status, 200);
    let h2c =
        ["Upgrade: h2c", "Connection: Upgrade, HTTP2-Settings", "HTTP2-Settings: AAMAAABkAAQAAP__"];
    let answer = raw_request(&urls.gateway_url, raw("/api/public", &h2c).as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
