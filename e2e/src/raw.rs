//! Requests byte for byte, which no client library would send.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::answer::Answer;

/// Sends the bytes on a connection of their own and gives back everything that
/// comes until the server closes it or is silent for a second.
pub async fn raw_request(gateway_url: &str, request: &[u8]) -> String {
    let address = gateway_url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("the gateway listens");
    stream.write_all(request).await.expect("the request is sent");
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while let Ok(Ok(count @ 1..)) = timeout(Duration::from_secs(1), stream.read(&mut chunk)).await {
        answer.extend_from_slice(&chunk[..count]);
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The same, taken apart: every answer that came on the connection, in order.
pub async fn raw_answers(gateway_url: &str, request: &str) -> Vec<Answer> {
    let text = raw_request(gateway_url, request.as_bytes()).await;
    let mut rest = text.as_str();
    let mut answers = Vec::new();
    while !rest.is_empty() {
        let (head, body) = rest.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no head: {text}"));
        let (status, headers) = parse(head);
        assert!(!headers.contains_key("transfer-encoding"), "not understood here: {text}");
        let length = headers.get("content-length").and_then(|length| length.to_str().ok());
        let length = length.map_or(0, |length| length.parse().expect("a length"));
        let (body, next) = body.split_at_checked(length).unwrap_or_else(|| panic!("cut: {text}"));
        answers.push(Answer { status, headers, body: body.to_owned() });
        rest = next;
    }
    answers
}

fn parse(head: &str) -> (u16, HeaderMap) {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3));
    let status = status.unwrap_or_else(|| panic!("no status line: {head}"));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}"));
        let name = name.parse::<HeaderName>().expect("a name");
        (name, HeaderValue::from_str(value).expect("a value"))
    };
    (status.parse().expect("a number"), lines.map(header).collect())
}
