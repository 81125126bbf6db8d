//! HTTP/2 as an attacker would speak it: frame by frame.

use std::time::Duration;

use e2e::eventually;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::client::TlsStream;

use super::{Served, pki, served};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` in the static table of HPACK.
const STATUS_200: u8 = 0x88;

struct H2(TlsStream<TcpStream>);

#[derive(Debug)]
struct Frame {
    kind: u8,
    payload: Vec<u8>,
}

impl H2 {
    async fn open(served: &Served) -> Self {
        let mut stream = served.pki.connect(served.port(), &[b"h2"]).await.expect("TLS");
        stream.write_all(PREFACE).await.expect("sent");
        let mut h2 = Self(stream);
        h2.send(SETTINGS, 0, 0, &[]).await;
        h2
    }

    async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let head = [&length[1..], &[kind, flags], &stream.to_be_bytes()].concat();
        self.0.write_all(&[head, payload.to_vec()].concat()).await.is_ok()
    }

    async fn request(&mut self, stream: u32, headers: &[(&str, &str)]) -> bool {
        let flags = END_STREAM | END_HEADERS;
        self.send(HEADERS, flags, stream, &packed(headers)).await
    }

    /// The next frame that is not about the connection in general.
    async fn next(&mut self) -> Option<Frame> {
        loop {
            let frame = timeout(Duration::from_secs(10), read(&mut self.0)).await.ok().flatten()?;
            if [HEADERS, RST_STREAM, GOAWAY].contains(&frame.kind) {
                return Some(frame);
            }
        }
    }

    /// Whether a request was answered with 200.
    async fn is_answered(&mut self) -> bool {
        match self.next().await {
            Some(frame) => frame.kind == HEADERS && frame.payload.first() == Some(&STATUS_200),
            None => false,
        }
    }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Frame> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize];
    stream.read_exact(&mut payload).await.ok()?;
    Some(Frame { kind: head[3], payload })
}

/// Literals without indexing and without Huffman (RFC 7541, section 6.2.2).
fn packed(headers: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in headers {
        block.push(0);
        for text in [name, value] {
            integer(&mut block, text.len());
            block.extend(text.as_bytes());
        }
    }
    block
}

fn integer(block: &mut Vec<u8>, value: usize) {
    if value < 127 {
        block.push(u8::try_from(value).expect("small"));
        return;
    }
    block.push(127);
    let mut rest = value - 127;
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).expect("small") | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).expect("small"));
}

fn get(path: &'static str) -> Vec<(&'static str, &'static str)> {
    vec![(":method", "GET"), (":scheme", "https"), (":authority", "localhost"), (":path", path)]
}

/// A request of HTTP/2 that would be two of HTTP/1.1, or another one, is none.
#[tokio::test]
async fn what_would_be_another_request_in_http_1_is_refused() {
    let served = served(&[]).await;
    let mut h2 = H2::open(&served).await;
    assert!(h2.request(1, &get("/api/public")).await && h2.is_answered().await, "in order");
    let attacks: [Vec<(&str, &str)>; 11] = [
        vec![("x-a", "b\r\nx-user-id: root")],
        vec![("x-a", "b\nc")],
        vec![("x-a", "b\0c")],
        vec![("x-a\r\nx-b", "c")],
        vec![("x-a:b", "c")],
        vec![("X-Upper", "c")],
        vec![("connection", "x-forwarded-for")],
        vec![("transfer-encoding", "chunked")],
        vec![("te", "gzip")],
        vec![("host", "evil.example")],
        vec![(":path", "/twice")],
    ];
    for attack in attacks {
        let mut h2 = H2::open(&served).await;
        h2.request(1, &[get("/api/public"), attack.clone()].concat()).await;
        assert!(!h2.is_answered().await, "{attack:?}");
    }
    for path in
        ["/a b", "/a\r\nX: y", "/api/public\0", "//api/public", "https://evil/api/public", ""]
    {
        let mut h2 = H2::open(&served).await;
        h2.request(1, &get(path)).await;
        assert!(!h2.is_answered().await, "{path:?}");
    }
}

/// Requests that are taken back as fast as they are made (CVE-2023-44487).
#[tokio::test]
async fn whoever_takes_back_requests_as_fast_as_they_make_them_disturbs_nobody() {
    let served = served(&[]).await;
    let mut attacker = H2::open(&served).await;
    let load = served.pki.load(served.port(), 2);
    for turn in 0..5_000_u32 {
        let stream = 2 * turn + 1;
        let sent = attacker.request(stream, &get("/api/public")).await
            && attacker.send(RST_STREAM, 0, stream, &8_u32.to_be_bytes()).await;
        if !sent {
            break;
        }
    }
    let (answered, failed) = load.stop().await;
    assert_eq!((answered > 0, failed), (true, Vec::new()));
    let mut well = H2::open(&served).await;
    assert!(well.request(1, &get("/api/public")).await && well.is_answered().await);
}

/// A header that never ends (CVE-2024-27316), and one that is too large.
#[tokio::test]
async fn a_header_has_an_end() {
    let served = served(&[]).await;
    let mut endless = H2::open(&served).await;
    endless.send(HEADERS, END_STREAM, 1, &packed(&get("/api/public"))).await;
    let more = packed(&[("x-a", &"a".repeat(8000))]);
    let cut_off = async { while endless.send(CONTINUATION, 0, 1, &more).await {} };
    timeout(Duration::from_secs(20), cut_off).await.expect("it is cut off");

    let mut large = H2::open(&served).await;
    let header = "a".repeat(12_000);
    let headers: Vec<_> = (0..8).map(|_| ("x-a", header.as_str())).collect();
    let block = packed(&[get("/api/public"), headers].concat());
    let (first, rest) = block.split_at(16_000);
    large.send(HEADERS, END_STREAM, 1, first).await;
    let pieces: Vec<_> = rest.chunks(16_000).collect();
    for (at, piece) in pieces.iter().enumerate() {
        let flags = if at + 1 == pieces.len() { END_HEADERS } else { 0 };
        large.send(CONTINUATION, flags, 1, piece).await;
    }
    assert!(!large.is_answered().await);
    let well = eventually(|| async {
        pki::ask(&served.pki, served.port(), pki::HEALTH).await.is_ok().then_some(())
    });
    well.await.expect("others are served");
}
