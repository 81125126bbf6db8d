//! A TCP proxy that a test can freeze, cut and lead elsewhere.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinHandle,
};

/// What it does now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    to: SocketAddr,
    frozen: bool,
    /// Connections of an earlier number are cut.
    cuts: u64,
}

/// Passes connections on to a server, until it is dropped.
pub struct TcpProxy {
    address: SocketAddr,
    state: Arc<watch::Sender<State>>,
    listening: JoinHandle<()>,
}

impl TcpProxy {
    pub async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let state = Arc::new(watch::Sender::new(State { to: server, frozen: false, cuts: 0 }));
        let listening = tokio::spawn(listen(listener, Arc::clone(&state)));
        Self { address, state, listening }
    }

    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections stay open, and nothing comes through in either direction.
    pub fn freeze(&self) {
        self.state.send_modify(|state| state.frozen = true);
    }

    /// What was held back comes through.
    pub fn thaw(&self) {
        self.state.send_modify(|state| state.frozen = false);
    }

    /// Ends all connections; new ones lead to this server.
    pub fn lead_to(&self, server: SocketAddr) {
        self.state.send_modify(|state| {
            state.to = server;
            state.cuts += 1;
        });
    }
}

impl Drop for TcpProxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn listen(listener: TcpListener, state: Arc<watch::Sender<State>>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(pass_on(client, state.subscribe()));
    }
}

async fn pass_on(client: TcpStream, mut state: watch::Receiver<State>) {
    let State { to, cuts, .. } = *state.borrow();
    let Ok(server) = TcpStream::connect(to).await else { return };
    let ((from_client, to_client), (from_server, to_server)) =
        (client.into_split(), server.into_split());
    tokio::select! {
        () = copy(from_client, to_server, state.clone()) => {}
        () = copy(from_server, to_client, state.clone()) => {}
        _ = state.wait_for(|state| state.cuts != cuts) => {}
    }
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut state: watch::Receiver<State>) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        if state.wait_for(|state| !state.frozen).await.is_err() {
            return;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}
