//! An upstream that behaves as it is told, and counts what it is asked.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
    time::interval,
};

#[derive(Clone, Copy)]
pub(crate) enum Manner {
    Answers(u16),
    /// Closes the connection once it has read the request.
    HangsUp,
    /// Never says anything.
    IsSilent,
    /// Sends its answer byte by byte, for ever.
    Drips,
}

pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    asked: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Upstream {
    pub(crate) async fn start(manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let asked = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            let mut served = tokio::task::JoinSet::new();
            while let Ok((connection, _)) = listener.accept().await {
                served.spawn(serve(connection, manner, Arc::clone(&counter)));
            }
        });
        Self { address, asked, task }
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(connection: TcpStream, manner: Manner, asked: Arc<AtomicUsize>) {
    let mut connection = BufReader::new(connection);
    while read_request(&mut connection).await.is_some() {
        asked.fetch_add(1, Ordering::SeqCst);
        match manner {
            Manner::Answers(status) => {
                let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: 2\r\n\r\nok");
                if connection.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Manner::HangsUp => return,
            Manner::IsSilent => std::future::pending().await,
            Manner::Drips => drip(&mut connection).await,
        }
    }
}

async fn drip(connection: &mut BufReader<TcpStream>) {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n";
    let mut wanted = connection.write_all(head.as_bytes()).await.is_ok();
    let mut beat = interval(Duration::from_millis(20));
    while wanted {
        beat.tick().await;
        wanted = connection.write_all(b".").await.is_ok();
    }
}

/// Reads to the end of a request. `None` when there is none.
async fn read_request(connection: &mut BufReader<TcpStream>) -> Option<()> {
    let (mut line, mut length) = (String::new(), 0);
    loop {
        line.clear();
        connection.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
        if line == "\r\n" {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or_default();
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().expect("a number");
        }
    }
    let mut body = vec![0; length];
    connection.read_exact(&mut body).await.ok().map(|_| ())
}
