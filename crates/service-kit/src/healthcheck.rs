//! `SERVICE healthcheck`: asks the service that runs beside us whether it is ready.
//!
//! For a container's health check, because the images hold no shell and no curl.

use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use anyhow::{Context, ensure};

/// A service's own checks take a second at most, one after the other.
const PATIENCE: Duration = Duration::from_secs(5);
const MOST_TO_HEAR: u64 = 16 * 1024;

/// Fails with what is missing, unless `/readyz` on the admin port answers 200.
pub fn ask(admin: SocketAddr) -> anyhow::Result<()> {
    let answer = get(reachable(admin)).with_context(|| format!("asking {admin}"))?;
    let ready = answer.split_whitespace().nth(1) == Some("200");
    let body = answer.split_once("\r\n\r\n").map_or(answer.as_str(), |(_, body)| body);
    ensure!(ready, "not ready\n{}", body.trim_end());
    Ok(())
}

fn get(admin: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&admin, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // In one piece: who has read the first line may answer and hang up.
    let request = format!("GET /readyz HTTP/1.0\r\nhost: {admin}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(MOST_TO_HEAR).read_to_string(&mut answer)?;
    Ok(answer)
}

/// Who listens on every address is asked on the loopback one.
fn reachable(admin: SocketAddr) -> SocketAddr {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, admin.port())
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// A port that gives this answer to one request.
    fn answering(answer: &'static str) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("somebody asks");
            let mut asked = [0; 1024];
            let length = stream.read(&mut asked).expect("a request");
            assert!(asked[..length].starts_with(b"GET /readyz HTTP/1.0\r\n"));
            stream.write_all(answer.as_bytes()).expect("answered");
        });
        address
    }

    #[test]
    fn ready_is_ready() {
        ask(answering("HTTP/1.1 200 OK\r\n\r\nready\n")).expect("ready");
    }

    #[test]
    fn what_is_missing_is_told() {
        let admin = answering("HTTP/1.1 503 Service Unavailable\r\n\r\nredis: away\n");
        assert_eq!(ask(admin).expect_err("not ready").to_string(), "not ready\nredis: away");
    }

    #[test]
    fn silence_and_nobody_are_not_ready() {
        assert!(ask(answering("")).is_err());
        let closed = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound");
        assert!(ask(closed).is_err());
    }

    #[test]
    fn every_address_means_this_machine() {
        for (listens, asked) in [
            ("0.0.0.0:3002", "127.0.0.1:3002"),
            ("[::]:3002", "[::1]:3002"),
            ("10.1.2.3:3002", "10.1.2.3:3002"),
        ] {
            assert_eq!(reachable(listens.parse().expect("one")).to_string(), asked);
        }
    }
}
