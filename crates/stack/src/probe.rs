//! Whether a process is ready, asked in its own language.
//!
//! A few bytes each, instead of a client library each.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::accounts::OPERATOR;
use crate::ports::Ports;
use crate::process::Process;
use crate::secrets::Secrets;
use crate::urls::Urls;

const PATIENCE: Duration = Duration::from_secs(2);
const MOST_TO_HEAR: u64 = 64 * 1024;

#[derive(Debug, Clone)]
pub(crate) struct Probe {
    ports: Ports,
    /// Of a Redis that speaks TLS it is only known that it listens.
    redis_question: Option<String>,
}

impl Probe {
    pub(crate) fn new(ports: Ports, urls: &Urls, secrets: &Secrets) -> Self {
        let password = &secrets.redis_password;
        let tls = urls.redis_url.starts_with("rediss:");
        let question = || format!("AUTH {OPERATOR} {password}\r\nPING\r\n");
        Self { ports, redis_question: (!tls).then(question) }
    }

    pub(crate) async fn is_ready(&self, process: Process) -> bool {
        let address = self.ports.admin(process).or_else(|| self.ports.listen(process));
        let Some(address) = address else {
            return false;
        };
        let (question, answer): (&[u8], &[u8]) = match process.original() {
            Process::Postgres => (STARTUP, b"R"), // it asks for the password; until then it sends E
            Process::Redis => match &self.redis_question {
                Some(question) => (question.as_bytes(), b"+OK\r\n+PONG"),
                None => (b"", b""),
            },
            Process::Nats => (b"", b"INFO "),
            _ => (
                b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
                b"HTTP/1.1 200 ",
            ),
        };
        matches!(timeout(PATIENCE, ask(address, question, answer.len())).await, Ok(Ok(heard)) if heard == answer)
    }
}

/// Postgres' first message: length, protocol 3.0, and who wants to go where.
const STARTUP: &[u8] = b"\0\0\0\x27\0\x03\0\0user\0stellar\0database\0stellar\0\0";

async fn ask(address: SocketAddr, question: &[u8], answer_len: usize) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(question).await?;
    let mut heard = vec![0; answer_len];
    stream.read_exact(&mut heard).await?;
    // Taking leave politely: a connection cut with words still on their way is
    // an error in the other's log.
    stream.shutdown().await?;
    tokio::io::copy(&mut stream.take(MOST_TO_HEAR), &mut tokio::io::sink()).await?;
    Ok(heard)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_to_postgres_states_its_length() {
        let length = u32::try_from(STARTUP.len()).expect("short");
        assert_eq!(STARTUP[..4], length.to_be_bytes());
    }
}
