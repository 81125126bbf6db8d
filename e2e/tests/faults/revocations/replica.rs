//! A replica of the stack's Redis, which can be kept from hearing of it.

use std::{net::SocketAddr, path::Path, process::Stdio};

use contract::session_copy::{SessionCopy, key};
use e2e::{Opened, TcpProxy, eventually};
use redis::aio::MultiplexedConnection;
use tempfile::TempDir;
use tokio::process::{Child, Command};

use super::fleet::PASSWORD;

pub(crate) struct Replica {
    address: SocketAddr,
    connection: MultiplexedConnection,
    primary: TcpProxy,
    _process: Child,
    _dir: TempDir,
}

impl Replica {
    /// With the users of the primary.
    pub(crate) async fn of(primary: SocketAddr, users: &Path) -> Self {
        let primary = TcpProxy::to(primary).await;
        let dir = tempfile::tempdir().expect("a directory");
        let port = e2e::free_port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port.to_string(), "--save", ""]);
        command.args(["--masteruser", "operator", "--masterauth", PASSWORD]);
        command.arg("--aclfile").arg(users);
        command.args(["--replicaof", "127.0.0.1", &primary.address().port().to_string()]);
        command.arg("--dir").arg(dir.path()).stdout(Stdio::null()).kill_on_drop(true);
        let process = command.spawn().expect("redis-server is installed");
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        let client =
            redis::Client::open(format!("redis://operator:{PASSWORD}@{address}")).expect("a URL");
        let connect = || async { client.get_multiplexed_async_connection().await.ok() };
        let connection = eventually(connect).await.expect("it listens");
        Self { address, connection, primary, _process: process, _dir: dir }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) async fn is_up_to_date(&self) {
        let up = || async {
            let mut info = redis::cmd("INFO");
            info.arg("replication");
            let info: String = info.query_async(&mut self.connection.clone()).await.ok()?;
            info.contains("master_link_status:up").then_some(())
        };
        eventually(up).await.expect("it follows its primary");
    }

    /// Hears nothing more of its primary.
    pub(crate) fn fall_behind(&self) {
        self.primary.freeze();
    }

    pub(crate) async fn promote(&mut self) {
        let mut promote = redis::cmd("REPLICAOF");
        promote.arg("NO").arg("ONE");
        promote.exec_async(&mut self.connection).await.expect("it becomes a primary");
    }

    /// How many of these sessions it takes to be alive.
    pub(crate) async fn still_shows(&mut self, sessions: &[&Opened]) -> usize {
        let mut alive = 0;
        for session in sessions {
            let mut get = redis::cmd("GET");
            get.arg(key(session.token.digest()));
            let copy: Option<String> =
                get.query_async(&mut self.connection).await.expect("it answers");
            let copy = copy.map(|copy| serde_json::from_str(&copy).expect("a copy"));
            alive += usize::from(matches!(copy, Some(SessionCopy::Live { .. })));
        }
        alive
    }
}
