//! An upstream that writes down every request it gets, and is strict about them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// A request as it came, and what is wrong with it.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) target: String,
    /// Names in lower case.
    pub(super) headers: Vec<(String, String)>,
    pub(super) fault: Option<&'static str>,
}

impl Record {
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(given, _)| given == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

#[derive(Clone)]
pub(super) struct Recorder {
    pub(super) address: SocketAddr,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Recorder {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let recorder =
            Self { address: listener.local_addr().expect("bound"), records: Arc::default() };
        let serving = recorder.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        recorder
    }

    pub(super) fn records(&self) -> Vec<Record> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut bytes = Vec::new();
        while let Some(record) = next_request(&mut stream, &mut bytes).await {
            let (target, sound) = (record.target.clone(), record.fault.is_none());
            self.records.lock().unwrap_or_else(PoisonError::into_inner).push(record);
            let answer =
                format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
            if !sound || stream.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
        }
    }
}

/// Takes a request off the stream with its body. `None` when there are no more.
async fn next_request(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<Record> {
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break bytes.drain(..end + 4).collect::<Vec<_>>();
        }
        read_more(stream, bytes).await?;
    };
    let mut record = parse(&String::from_utf8_lossy(&head[..head.len() - 4]));
    if record.fault.is_some() {
        return Some(record);
    }
    let (length, chunked) =
        (record.values("content-length").join(","), record.values("transfer-encoding").join(","));
    let body = match (length.as_str(), chunked.as_str()) {
        ("", "") => Ok(()),
        (length, "") => read_length(stream, bytes, length).await?,
        ("", "chunked") => read_chunks(stream, bytes).await?,
        _ => Err("a body with two lengths"),
    };
    record.fault = body.err();
    Some(record)
}

async fn read_more(stream: &mut TcpStream, bytes: &mut Vec<u8>) -> Option<()> {
    let mut chunk = vec![0; 4096];
    let count = stream.read(&mut chunk).await.ok().filter(|count| *count > 0)?;
    bytes.extend_from_slice(&chunk[..count]);
    Some(())
}

async fn read_length(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
    length: &str,
) -> Option<Result<(), &'static str>> {
    let digits = !length.is_empty() && length.bytes().all(|byte| byte.is_ascii_digit());
    let Some(length) = length.parse::<usize>().ok().filter(|_| digits) else {
        return Some(Err("a length that is no number"));
    };
    while bytes.len() < length {
        read_more(stream, bytes).await?;
    }
    bytes.drain(..length);
    Some(Ok(()))
}

async fn read_chunks(
    stream: &mut TcpStream,
    bytes: &mut Vec<u8>,
) -> Option<Result<(), &'static str>> {
    loop {
        let line = loop {
            if let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
                break bytes.drain(..end + 2).collect::<Vec<_>>();
            }
            read_more(stream, bytes).await?;
        };
        let size = String::from_utf8_lossy(&line[..line.len() - 2]).into_owned();
        if size.is_empty() || !size.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Some(Err("a chunk's size that is none"));
        }
        let Ok(size) = usize::from_str_radix(&size, 16) else {
            return Some(Err("a chunk without end"));
        };
        while bytes.len() < size + 2 {
            read_more(stream, bytes).await?;
        }
        let chunk: Vec<_> = bytes.drain(..size + 2).collect();
        if !chunk.ends_with(b"\r\n") {
            return Some(Err("a chunk that is longer than it says"));
        }
        if size == 0 {
            return Some(Ok(()));
        }
    }
}

fn parse(head: &str) -> Record {
    let mut lines = head.split("\r\n");
    let first: Vec<_> = lines.next().unwrap_or_default().split(' ').collect();
    let mut record = Record { target: String::new(), headers: Vec::new(), fault: None };
    match first[..] {
        [method, target, "HTTP/1.1"] if !method.is_empty() && target.starts_with('/') => {
            target.clone_into(&mut record.target);
        }
        _ => {
            record.target = first.join(" ");
            record.fault = Some("no request line");
        }
    }
    for line in lines {
        match line.split_once(':') {
            Some((name, value)) if is_token(name) && !value.contains(char::is_control) => {
                record.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
            }
            _ => record.fault = Some("a header that is none"),
        }
    }
    record
}

fn is_token(name: &str) -> bool {
    let odd = "!#$%&'*+-.^_`|~";
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || odd.contains(c))
}
