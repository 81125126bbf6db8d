//! Redis processes beside the stack's own, under the rules of `deploy/redis/users.acl`.

mod cluster;
mod sentinels;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
};

use e2e::eventually;
use rustix::process::{Pid, Signal, kill_process};
use stack::{Options, Process, StoreTls};
use tokio::process::{Child, Command};

pub(crate) use self::{
    cluster::RedisCluster,
    sentinels::{RedisSentinels, Watcher},
};

/// Of every account.
const PASSWORD: &str = "tR7uWq2mZp9x";
const OPERATOR: &str = "operator";

/// Has everybody who has an account at Redis use another one than the stack's.
pub(crate) fn lead(options: &mut Options, url: impl Fn(&str) -> String) {
    for process in Process::GATEWAYS.into_iter().chain(Process::SESSION_SVCS) {
        let url = url(&process.original().to_string());
        options.env_of.push((process, "REDIS_URL".to_owned(), url));
    }
}

/// One process. It ends with the test.
struct Server {
    address: SocketAddr,
    process: Child,
    cli: Cli,
}

/// How an operator speaks with it.
#[derive(Clone)]
struct Cli {
    user: &'static str,
    /// What it must show, where it speaks TLS.
    certificate: Option<PathBuf>,
}

impl Server {
    /// A Redis that keeps nothing on its disk, and with `tls` speaks nothing else.
    fn redis(dir: &Path, port: u16, tls: Option<&StoreTls>, arguments: &[&str]) -> Self {
        let port_text = port.to_string();
        let own = dir.join(&port_text);
        std::fs::create_dir(&own).expect("a directory");
        let users = include_str!("../../../../deploy/redis/users.acl");
        let users = ["operator", "gateway", "session_svc"]
            .iter()
            .fold(users.to_owned(), |users, account| {
                users.replace(&format!("{{{account}_password}}"), PASSWORD)
            });
        let file = own.join("users.acl");
        std::fs::write(&file, users).expect("written");
        let mut command = Command::new("redis-server");
        let settings = listening(port, tls).into_iter();
        command.args(["--bind", "127.0.0.1"]);
        command.args(settings.flat_map(|(name, value)| [format!("--{name}"), value]));
        command.args(["--save", "", "--appendonly", "no"]);
        command.args(["--masteruser", OPERATOR, "--masterauth", PASSWORD]);
        command.arg("--aclfile").arg(file).arg("--dir").arg(own).args(arguments);
        Self::spawn(command, port, Cli::of(OPERATOR, tls))
    }

    fn spawn(mut command: Command, port: u16, cli: Cli) -> Self {
        let process = command.stdout(Stdio::null()).kill_on_drop(true).spawn();
        let process = process.expect("redis-server is installed");
        Self { address: SocketAddr::from(([127, 0, 0, 1], port)), process, cli }
    }

    async fn listens(&self) {
        let answers = || async { self.say(&["PING"]).await };
        eventually(answers).await.expect("it listens");
    }

    /// What it answers to its operator, unless that is an error.
    async fn say(&self, words: &[&str]) -> Option<String> {
        let port = self.address.port().to_string();
        let output = self.cli.command().args(["-p", &port]).args(words).output().await.ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn signal(&self, signal: Signal) {
        let pid = self.process.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        kill_process(pid.expect("it runs"), signal).expect("it is ours");
    }
}

impl Cli {
    fn of(user: &'static str, tls: Option<&StoreTls>) -> Self {
        Self { user, certificate: tls.map(|tls| tls.certificate.clone()) }
    }

    fn command(&self) -> Command {
        let mut cli = Command::new("redis-cli");
        cli.args(["-e", "--no-auth-warning", "--user", self.user, "--pass", PASSWORD]);
        if let Some(certificate) = &self.certificate {
            cli.arg("--tls").arg("--cacert").arg(certificate);
        }
        cli.kill_on_drop(true);
        cli
    }
}

/// Servers of one Redis speak with each other as with everybody else.
fn listening(port: u16, tls: Option<&StoreTls>) -> Vec<(&'static str, String)> {
    let port = port.to_string();
    let Some(StoreTls { certificate, key }) = tls else {
        return vec![("port", port)];
    };
    let text = |file: &Path| file.display().to_string();
    vec![
        ("port", "0".to_owned()),
        ("tls-port", port),
        ("tls-cert-file", text(certificate)),
        ("tls-key-file", text(key)),
        ("tls-ca-cert-file", text(certificate)),
        ("tls-auth-clients", "no".to_owned()),
        ("tls-replication", "yes".to_owned()),
        ("tls-cluster", "yes".to_owned()),
    ]
}

fn scheme(tls: Option<&StoreTls>) -> &'static str {
    if tls.is_some() { "rediss" } else { "redis" }
}
