//! Requests byte for byte, which no client library would send.

use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use crate::answer::Answer;

/// How long a server may say nothing before it is taken to have nothing to say.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends the bytes on a connection of their own and gives back everything that
/// comes until the server closes it or is silent for a second.
pub async fn raw_request(gateway_url: &str, request: &[u8]) -> String {
    let wire = exchange(gateway_url, request).await;
    String::from_utf8_lossy(&wire.received).into_owned()
}

/// The same, taken apart: every answer that came on the connection, in order.
pub async fn raw_answers(gateway_url: &str, request: &str) -> Vec<Answer> {
    let mut wire = exchange(gateway_url, request.as_bytes()).await;
    let answers = wire.answers_so_far();
    let rest = String::from_utf8_lossy(&wire.received);
    assert_eq!(rest, "", "no answer, or half of one");
    answers
}

/// Waits for as long as it takes to be answered at all, and then for all that follows.
async fn exchange(gateway_url: &str, request: &[u8]) -> Wire {
    let mut wire = Wire::open(gateway_url).await;
    assert!(wire.send(request).await, "the request is sent");
    if wire.read_some(PATIENCE).await.is_ok() {
        wire.listen(Duration::from_secs(1)).await;
    }
    wire
}

/// What came instead of another answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// The server closed the connection.
    Closed,
    /// It is open, and nothing comes.
    Waiting,
}

/// A connection to the gateway.
pub struct Wire {
    stream: TcpStream,
    received: Vec<u8>,
    closed: bool,
}

impl Wire {
    pub async fn open(url: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let stream = TcpStream::connect(address).await.expect("the server listens");
        stream.set_nodelay(true).expect("an option of TCP");
        Self { stream, received: Vec::new(), closed: false }
    }

    /// Whether the server still took the bytes.
    pub async fn send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).await.is_ok()
    }

    /// The next answer.
    pub async fn answer(&mut self) -> Result<Answer, Silence> {
        self.answer_within(PATIENCE).await
    }

    /// The next answer, if none of its parts keeps us waiting for longer than this.
    pub async fn answer_within(&mut self, patience: Duration) -> Result<Answer, Silence> {
        loop {
            if let Some((answer, length)) = parse(&self.received, self.closed) {
                self.received.drain(..length);
                return Ok(answer);
            }
            if self.closed {
                return Err(Silence::Closed);
            }
            self.read_some(patience).await?;
        }
    }

    /// Reads until the server closes the connection or says nothing for this long.
    pub async fn listen(&mut self, patience: Duration) -> Silence {
        while !self.closed {
            if let Err(silence) = self.read_some(patience).await {
                return silence;
            }
        }
        Silence::Closed
    }

    /// Whole answers among what has come.
    pub fn answers_so_far(&mut self) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some((answer, length)) = parse(&self.received, self.closed) {
            self.received.drain(..length);
            answers.push(answer);
        }
        answers
    }

    async fn read_some(&mut self, patience: Duration) -> Result<(), Silence> {
        let mut chunk = vec![0; 16 * 1024];
        match timeout(patience, self.stream.read(&mut chunk)).await {
            Ok(Ok(0) | Err(_)) => self.closed = true,
            Ok(Ok(count)) => self.received.extend_from_slice(&chunk[..count]),
            Err(_) => return Err(Silence::Waiting),
        }
        Ok(())
    }
}

/// The first answer in these bytes and how many of them it takes up.
fn parse(bytes: &[u8], closed: bool) -> Option<(Answer, usize)> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (status, headers) = parse_head(&String::from_utf8_lossy(&bytes[..head]));
    let rest = &bytes[head + 4..];
    let text = |name: &str| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let (body, length) = if matches!(status, 100..=199 | 204 | 304) {
        (Vec::new(), 0)
    } else if text("transfer-encoding").is_some() {
        dechunked(rest)?
    } else if let Some(length) = text("content-length") {
        let length = length.parse().expect("a length");
        (rest.get(..length)?.to_vec(), length)
    } else if closed {
        (rest.to_vec(), rest.len())
    } else {
        return None;
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    Some((Answer { status, headers, body }, head + 4 + length))
}

/// The body that these chunks make, and how many bytes they take up.
fn dechunked(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&bytes[at..at + line]).expect("a size");
        let size = usize::from_str_radix(size, 16).expect("a size");
        at += line + 2;
        body.extend_from_slice(bytes.get(at..at + size)?);
        at += size + 2;
        if bytes.len() < at {
            return None;
        }
        if size == 0 {
            return Some((body, at));
        }
    }
}

fn parse_head(head: &str) -> (u16, HeaderMap) {
    let mut lines = head.lines();
    let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.")?.get(2..5));
    let status = status.unwrap_or_else(|| panic!("no status line: {head}"));
    let header = |line: &str| {
        let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line}"));
        let name = name.parse::<HeaderName>().expect("a name");
        (name, HeaderValue::from_str(value).expect("a value"))
    };
    (status.parse().expect("a number"), lines.map(header).collect())
}
