//! Opening the ports of a service.

use std::{io, net::SocketAddr};

use anyhow::Context;
use tokio::net::{TcpListener, TcpSocket};

/// Connections that may wait to be taken. Std and tokio ask for 128, and with more than
/// that a caller's first packet is dropped: it is sent again a second later, when the
/// gateway has given up. The kernel allows `net.core.somaxconn` at most.
const BACKLOG: u32 = 4096;

/// # Errors
/// When the port is taken, or is not ours to take.
pub fn listen(addr: SocketAddr) -> anyhow::Result<TcpListener> {
    open(addr).with_context(|| format!("cannot listen on {addr}"))
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of the service that was here before may still be fading away.
    socket.set_reuseaddr(true)?;
    socket.bind(addr)?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpStream, time::Duration};

    /// More than the usual backlog, and less than what every kernel of today allows.
    const CROWD: usize = 1_000;

    #[tokio::test]
    async fn a_crowd_that_comes_at_once_is_let_wait() {
        let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
        let addr = listener.local_addr().expect("an address");
        let waiting: io::Result<Vec<_>> =
            (0..CROWD).map(|_| TcpStream::connect_timeout(&addr, Duration::from_secs(5))).collect();
        assert_eq!(waiting.expect("nobody is dropped").len(), CROWD);
    }

    #[tokio::test]
    async fn a_taken_port_is_named() {
        let listener = listen(([127, 0, 0, 1], 0).into()).expect("a port");
        let addr = listener.local_addr().expect("an address");
        let refused = listen(addr).expect_err("it is taken");
        assert_eq!(refused.to_string(), format!("cannot listen on {addr}"));
    }
}
