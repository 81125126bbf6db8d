//! A NATS server with JetStream for one test.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
};

use tempfile::TempDir;
use tokio::process::{Child, Command};

pub(crate) struct Nats {
    port: u16,
    dir: TempDir,
    server: Option<Child>,
}

impl Nats {
    /// A place for one; it is not started yet.
    pub(crate) fn reserve() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        Self { port, dir: tempfile::tempdir().expect("a folder"), server: None }
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(crate) fn start(&mut self) {
        let server = Command::new(program())
            .args(["-js", "-a", "127.0.0.1", "-p", &self.port.to_string(), "-sd"])
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("starts nats-server");
        self.server = Some(server);
    }

    /// Another server at the same place, which knows nothing any more.
    pub(crate) async fn forget(&mut self) {
        let mut server = self.server.take().expect("it was started");
        server.kill().await.expect("kills nats-server");
        self.dir = tempfile::tempdir().expect("a folder");
        self.start();
    }
}

fn program() -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let dirs = std::env::split_paths(&path).chain([Path::new("/usr/sbin").to_owned()]);
    let found = dirs.map(|dir| dir.join("nats-server")).find(|program| program.is_file());
    found.expect("nats-server is not installed; on Debian it is in the package nats-server")
}
