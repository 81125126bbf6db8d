//! A primary and its replica, watched by three Sentinels.

use std::path::{Path, PathBuf};

use contract::session_copy::{SessionCopy, key};
use e2e::{Opened, eventually};
use rustix::process::Signal;
use stack::StoreTls;
use tempfile::TempDir;
use tokio::process::Command;

use super::{Cli, PASSWORD, Server, listening, scheme};

const MASTER_NAME: &str = "stellar";

pub(crate) struct RedisSentinels {
    pub(crate) sentinels: Vec<Watcher>,
    pub(crate) primary: Watched,
    replica: Watched,
    tls: Option<StoreTls>,
    dir: TempDir,
}

/// What may die or stop.
pub(crate) struct Watcher(Server);
pub(crate) struct Watched(Server);

impl RedisSentinels {
    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(tls: Option<StoreTls>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let primary = Server::redis(dir.path(), e2e::free_port(), tls.as_ref(), &[]);
        primary.listens().await;
        let port = primary.address.port().to_string();
        let follow = ["--replicaof", "127.0.0.1", &port];
        let replica = Server::redis(dir.path(), e2e::free_port(), tls.as_ref(), &follow);
        replica.listens().await;
        let sentinel = |_| Watcher(sentinel(dir.path(), tls.as_ref(), &port));
        let sentinels = (0..3).map(sentinel).collect();
        let (primary, replica) = (Watched(primary), Watched(replica));
        let all = Self { sentinels, primary, replica, tls, dir };
        for Watcher(sentinel) in &all.sentinels {
            sentinel.listens().await;
            let ready = || async {
                let seen = sentinel.say(&["INFO", "sentinel"]).await?;
                (seen.contains("status=ok") && seen.contains("slaves=1,sentinels=3")).then_some(())
            };
            eventually(ready).await.expect("it knows the others");
        }
        let Watched(replica) = &all.replica;
        let follows = || async {
            let link = replica.say(&["INFO", "replication"]).await?;
            link.contains("master_link_status:up").then_some(())
        };
        eventually(follows).await.expect("the replica follows");
        all
    }

    pub(crate) fn url(&self, user: &str) -> String {
        let [Watcher(first), others @ ..] = &self.sentinels[..] else {
            unreachable!("there are three")
        };
        let others: Vec<_> =
            others.iter().map(|Watcher(other)| format!("&node={}", other.address)).collect();
        let (others, scheme) = (others.concat(), scheme(self.tls.as_ref()));
        format!(
            "{scheme}+sentinel://{user}:{PASSWORD}@{}/{MASTER_NAME}?sentinel_password={PASSWORD}{others}",
            first.address
        )
    }

    /// With what it has on its disk. Waits until it names the old primary.
    pub(crate) async fn start_the_first_sentinel(&mut self) {
        let (Watcher(sentinel), Watched(primary)) = (&mut self.sentinels[0], &self.primary);
        *sentinel = start(self.dir.path(), self.tls.as_ref(), sentinel.address.port());
        let port = primary.address.port().to_string();
        let names = || async {
            let named = sentinel.say(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME]);
            named.await?.lines().any(|line| line == port).then_some(())
        };
        eventually(names).await.expect("it knows nothing else");
    }

    /// Waits until the last two Sentinels name the replica.
    pub(crate) async fn have_promoted_the_replica(&self) {
        let Watched(replica) = &self.replica;
        let port = replica.address.port().to_string();
        for Watcher(sentinel) in &self.sentinels[1..] {
            let named = || async {
                let named = sentinel.say(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME]);
                named.await?.lines().any(|line| line == port).then_some(())
            };
            eventually(named).await.expect("the replica is promoted");
        }
    }
}

impl Watched {
    pub(crate) fn kill(&self) {
        self.0.signal(Signal::KILL);
    }

    pub(crate) fn pause(&self) {
        self.0.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.0.signal(Signal::CONT);
    }

    /// How many of these sessions it takes to be alive.
    pub(crate) async fn copies_that_live(&self, sessions: &[Opened]) -> usize {
        let mut alive = 0;
        for session in sessions {
            let copy = self.0.say(&["GET", &key(session.token.digest())]).await;
            let copy = copy.map(|copy| serde_json::from_str(&copy).expect("a copy"));
            alive += usize::from(matches!(copy, Some(SessionCopy::Live { .. })));
        }
        alive
    }

    /// Waits until it is a replica.
    pub(crate) async fn is_demoted(&self) {
        let demoted = || async {
            let role = self.0.say(&["INFO", "replication"]).await?;
            role.contains("role:slave").then_some(())
        };
        eventually(demoted).await.expect("it follows the new primary");
    }
}

impl Watcher {
    pub(crate) async fn kill(&mut self) {
        self.0.process.kill().await.expect("it ran");
    }

    pub(crate) fn pause(&self) {
        self.0.signal(Signal::STOP);
    }

    pub(crate) fn resume(&self) {
        self.0.signal(Signal::CONT);
    }
}

fn sentinel(dir: &Path, tls: Option<&StoreTls>, primary: &str) -> Server {
    let port = e2e::free_port();
    let listening = listening(port, tls).into_iter();
    let listening: Vec<_> = listening.map(|(name, value)| format!("{name} {value}")).collect();
    let listening = listening.join("\n");
    let config = format!(
        "bind 127.0.0.1\n{listening}\nrequirepass {PASSWORD}\n\
         sentinel monitor {MASTER_NAME} 127.0.0.1 {primary} 2\n\
         sentinel auth-user {MASTER_NAME} operator\n\
         sentinel auth-pass {MASTER_NAME} {PASSWORD}\n\
         sentinel down-after-milliseconds {MASTER_NAME} 1000\n\
         sentinel failover-timeout {MASTER_NAME} 3000\n"
    );
    std::fs::write(file(dir, port), config).expect("written");
    start(dir, tls, port)
}

/// It writes down there what it learns.
fn file(dir: &Path, port: u16) -> PathBuf {
    dir.join(format!("sentinel-{port}.conf"))
}

fn start(dir: &Path, tls: Option<&StoreTls>, port: u16) -> Server {
    let mut command = Command::new("redis-server");
    command.arg(file(dir, port)).arg("--sentinel").current_dir(dir);
    Server::spawn(command, port, Cli::of("default", tls))
}
