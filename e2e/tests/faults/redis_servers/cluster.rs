//! A Redis Cluster of three masters and three replicas.

use std::net::TcpListener;

use e2e::eventually;
use rustix::process::Signal;
use stack::StoreTls;
use tempfile::TempDir;

use super::{Cli, OPERATOR, PASSWORD, Server, scheme};

pub(crate) struct RedisCluster {
    /// The masters first.
    nodes: Vec<Server>,
    tls: Option<StoreTls>,
    _dir: TempDir,
}

impl RedisCluster {
    pub(crate) const MASTERS: usize = 3;

    pub(crate) async fn start() -> Self {
        Self::start_with(None).await
    }

    pub(crate) async fn start_with(tls: Option<StoreTls>) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000"];
        let node = |_| Server::redis(dir.path(), port_of_a_pair(), tls.as_ref(), &arguments);
        let cluster = Self { nodes: (0..6).map(node).collect(), tls, _dir: dir };
        for node in &cluster.nodes {
            node.listens().await;
        }
        let addresses: Vec<_> = cluster.nodes.iter().map(|node| node.address.to_string()).collect();
        let mut create = vec!["create"];
        create.extend(addresses.iter().map(String::as_str));
        create.extend(["--cluster-replicas", "1"]);
        cluster.manage(&create).await.expect("a cluster");
        for node in &cluster.nodes {
            // A replica that follows nobody yet cannot take its master's place.
            let ready = || async {
                let state = node.say(&["CLUSTER", "INFO"]).await?;
                let link = node.say(&["INFO", "replication"]).await?;
                let follows = link.contains("role:master") || link.contains("link_status:up");
                (state.contains("cluster_state:ok") && follows).then_some(())
            };
            eventually(ready).await.expect("the cluster is whole");
        }
        cluster
    }

    pub(crate) fn url(&self, user: &str) -> String {
        let [first, others @ ..] = &self.nodes[..] else { unreachable!("there are six") };
        let others: Vec<_> = others.iter().map(|node| format!("node={}", node.address)).collect();
        let scheme = scheme(self.tls.as_ref());
        format!("{scheme}+cluster://{user}:{PASSWORD}@{}?{}", first.address, others.join("&"))
    }

    /// The first master dies.
    pub(crate) fn kill_a_master(&self) {
        self.nodes[0].signal(Signal::KILL);
    }

    /// Waits until a replica has taken the place of the first master.
    pub(crate) async fn has_recovered(&self) {
        let dead = self.nodes[0].address.port().to_string();
        for survivor in &self.nodes[1..] {
            let recovered = || async {
                let state = survivor.say(&["CLUSTER", "INFO"]).await?;
                let masters = survivor.say(&["CLUSTER", "SLOTS"]).await?;
                let replaced = !masters.lines().any(|line| line == dead);
                (state.contains("cluster_state:ok") && replaced).then_some(())
            };
            eventually(recovered).await.expect("a replica takes over");
        }
    }

    /// Moves so many slots from one master to another, with what is in them.
    pub(crate) async fn move_slots(&self, from: usize, to: usize, count: usize) {
        let (from_id, to_id) = (self.id(from).await, self.id(to).await);
        let (address, count) = (self.nodes[from].address.to_string(), count.to_string());
        let reshard = [
            "reshard",
            &address,
            "--cluster-from",
            &from_id,
            "--cluster-to",
            &to_id,
            "--cluster-slots",
            &count,
        ];
        // It does not begin while nodes have still to hear of the last time.
        let moved = || async { self.manage(&reshard).await.ok() };
        eventually(moved).await.expect("the slots move");
    }

    /// The master that has a key.
    pub(crate) async fn owner(&self, key: &str) -> usize {
        for master in 0..Self::MASTERS {
            if self.say(master, &["EXISTS", key]).await.is_some() {
                return master;
            }
        }
        panic!("nobody has it");
    }

    pub(crate) async fn slot(&self, key: &str) -> String {
        self.say(0, &["CLUSTER", "KEYSLOT", key]).await.expect("a slot")
    }

    /// A key is at another master already, and its slot is not.
    pub(crate) async fn move_half(&self, key: &str, from: usize, to: usize) {
        let slot = self.slot(key).await;
        let (from_id, to_id) = (self.id(from).await, self.id(to).await);
        self.set_slot(to, &[&slot, "IMPORTING", &from_id]).await;
        self.set_slot(from, &[&slot, "MIGRATING", &to_id]).await;
        let port = self.nodes[to].address.port().to_string();
        let words = ["MIGRATE", "127.0.0.1", &port, key, "0", "5000", "AUTH2", OPERATOR, PASSWORD];
        self.say(from, &words).await.expect("it is moved");
    }

    /// The slot follows.
    pub(crate) async fn move_the_rest(&self, key: &str, from: usize, to: usize) {
        let (slot, to_id) = (self.slot(key).await, self.id(to).await);
        let third = (0..Self::MASTERS).find(|master| ![from, to].contains(master));
        for master in [to, from, third.expect("there are three")] {
            self.set_slot(master, &[&slot, "NODE", &to_id]).await;
        }
    }

    async fn set_slot(&self, master: usize, words: &[&str]) {
        let words = [&["CLUSTER", "SETSLOT"], words].concat();
        self.say(master, &words).await.expect("it obeys");
    }

    async fn id(&self, node: usize) -> String {
        self.say(node, &["CLUSTER", "MYID"]).await.expect("an id")
    }

    pub(crate) async fn say(&self, node: usize, words: &[&str]) -> Option<String> {
        self.nodes[node].say(words).await
    }

    async fn manage(&self, words: &[&str]) -> Result<(), String> {
        let mut manager = Cli::of(OPERATOR, self.tls.as_ref()).command();
        let output = manager.arg("--cluster").args(words).arg("--cluster-yes").output().await;
        let output = output.expect("redis-cli is installed");
        let said = || String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() { Ok(()) } else { Err(said()) }
    }
}

/// A free port whose partner for the cluster's own traffic is free too.
fn port_of_a_pair() -> u16 {
    for _ in 0..100 {
        let port = e2e::free_port();
        if port < 55_000 && TcpListener::bind(("127.0.0.1", port + 10_000)).is_ok() {
            return port;
        }
    }
    panic!("no pair of ports is free");
}
