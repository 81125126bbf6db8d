//! `stellar doctor` finds what was broken on purpose, and nothing else.

use std::{collections::BTreeMap, net::SocketAddr, process::Output};

use e2e::own_stack;
use serde_json::Value;
use stack::{Options, Process, Urls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy},
    net::{TcpListener, TcpStream},
    process::Command,
};

use crate::redis_servers::{RedisCluster, RedisSentinels};

pub(crate) const SECRET: &str = "R6h0cVbW3zQp8nYtK2mXs5uJ7fLdA1eGw9";

/// What is said of one thing.
pub(crate) type Findings = Vec<(String, String, String)>;

pub(crate) struct Doctor(BTreeMap<&'static str, String>);

impl Doctor {
    /// With the environment that the services of this stack have.
    pub(crate) fn of(urls: &Urls) -> Self {
        let outbox = format!("file://{}", urls.outbox.display());
        Self(BTreeMap::from([
            ("BETTER_AUTH_SECRET", SECRET.to_owned()),
            ("API_URL", urls.gateway_url.clone()),
            ("FRONTEND_URL", urls.frontend_url.clone()),
            ("DATABASE_URL", urls.database_url.clone()),
            ("REDIS_URL", urls.redis_url.clone()),
            ("NATS_URL", urls.nats_url.clone()),
            ("MAIL_TRANSPORT_URL", outbox),
        ]))
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.insert(name, value.into());
        self
    }

    /// Subject, verdict and what was said; and whether the command was content.
    pub(crate) async fn examine(&self) -> (Findings, bool) {
        let env: Vec<_> = self.0.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let output = stellar(&["doctor", "--json"], &env).await;
        let text = String::from_utf8(output.stdout).expect("text");
        for secret in [SECRET, password(&self.0["DATABASE_URL"]), password(&self.0["REDIS_URL"])] {
            assert!(!text.contains(secret), "a secret is in the report");
        }
        let findings: Vec<Value> = serde_json::from_str(&text).expect("JSON");
        let field = |finding: &Value, name: &str| finding[name].as_str().unwrap_or("").to_owned();
        let findings = findings
            .iter()
            .map(|found| (field(found, "subject"), field(found, "verdict"), field(found, "said")));
        (findings.collect(), output.status.success())
    }

    /// What must be mended.
    pub(crate) async fn complaints(&self) -> Vec<(String, String)> {
        let (findings, content) = self.examine().await;
        let bad = findings.into_iter().filter(|(_, verdict, _)| verdict == "bad");
        let bad: Vec<_> = bad.map(|(subject, _, said)| (subject, said)).collect();
        assert_eq!(content, bad.is_empty(), "{bad:?}");
        bad
    }

    /// The one thing that must be mended.
    async fn complaint(&self) -> (String, String) {
        let mut complaints = self.complaints().await;
        assert_eq!(complaints.len(), 1, "{complaints:?}");
        complaints.remove(0)
    }
}

/// What an operator runs, with this environment and no other.
pub(crate) async fn stellar(args: &[&str], env: &[(&str, &str)]) -> Output {
    let mut command = Command::new(Options::new("").bin_dir.join("stellar"));
    command.args(args).env_clear().envs(env.iter().copied());
    command.output().await.expect("runs")
}

fn password(url: &str) -> &str {
    let (_, rest) = url.split_once("//").expect("a URL");
    let (account, _) = rest.split_once('@').expect("an account");
    account.split_once(':').expect("a password").1
}

#[tokio::test]
async fn a_stack_in_order_has_nothing_to_mend() {
    let (stack, _dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let (findings, content) = Doctor::of(stack.urls()).examine().await;
    assert!(content, "{findings:?}");
    for subject in ["configuration", "cookies", "door", "postgres", "redis", "nats", "mail"] {
        let good = findings.iter().any(|(found, verdict, _)| found == subject && verdict == "good");
        assert!(good, "{subject}: {findings:?}");
    }
    let skipped = findings.iter().any(|(_, verdict, _)| verdict == "skipped");
    assert!(!skipped, "{findings:?}");
}

#[tokio::test]
async fn what_is_broken_is_named() {
    let (stack, _dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let urls = stack.urls();

    let other = Doctor::of(urls).with("BETTER_AUTH_SECRET", SECRET.replace('R', "S"));
    let (subject, said) = other.complaint().await;
    assert!(subject == "door" && said.contains("does not know us"), "{said}");

    let elsewhere = Doctor::of(urls).with("FRONTEND_URL", "http://localhost:1");
    let complaints = elsewhere.complaints().await;
    assert!(complaints.iter().all(|(subject, _)| subject == "door"), "{complaints:?}");
    assert_eq!(complaints.len(), 2, "not the gateway's, and not readable: {complaints:?}");

    let client = redis::Client::open(urls.redis_url.as_str()).expect("an address");
    let mut redis = client.get_multiplexed_async_connection().await.expect("connects");
    let set = |policy| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory-policy").arg(policy);
        command
    };
    let () = set("allkeys-lru").query_async(&mut redis).await.expect("sets");
    let (subject, said) = Doctor::of(urls).complaint().await;
    assert!(subject == "redis" && said.contains("allkeys-lru"), "{said}");
    let () = set("noeviction").query_async(&mut redis).await.expect("sets");

    let mute = Doctor::of(urls).with("MAIL_TRANSPORT_URL", "smtp://127.0.0.1:1?tls=none");
    assert_eq!(mute.complaint().await.0, "mail");
}

#[tokio::test]
async fn a_store_that_is_away_is_named_by_its_variable() {
    let (stack, _dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let doctor = Doctor::of(stack.urls());
    for (process, variable) in [
        (Process::Nats, "NATS_URL"),
        (Process::Redis, "REDIS_URL"),
        (Process::Postgres, "DATABASE_URL"),
    ] {
        stack.kill(process).await;
        let complaints = doctor.complaints().await;
        let named = complaints.iter().any(|(_, said)| said.contains(variable));
        assert!(named, "{process}: {complaints:?}");
    }
}

/// Whichever node it is told of, and whichever Redis the primary is by now.
#[tokio::test]
async fn every_primary_is_examined() {
    let (stack, _dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
    let cluster = RedisCluster::start().await;
    let sentinels = RedisSentinels::start().await;
    for (url, primaries) in
        [(cluster.url("operator"), RedisCluster::MASTERS), (sentinels.url("operator"), 1)]
    {
        let (findings, content) = Doctor::of(stack.urls()).with("REDIS_URL", url).examine().await;
        assert!(content, "{findings:?}");
        let written = findings.iter().filter(|(_, _, said)| said.contains("written and read"));
        assert_eq!(written.count(), primaries, "{findings:?}");
    }
    cluster.kill_a_master();
    cluster.has_recovered().await;
    let doctor = Doctor::of(stack.urls()).with("REDIS_URL", cluster.url("operator"));
    assert_eq!(doctor.complaints().await, [], "another node is asked");
}

#[tokio::test]
async fn what_a_client_claims_to_be_is_not_believed() {
    let env = [("BETTER_AUTH_SECRET", SECRET), ("TRUSTED_PROXIES", "192.0.2.1")];
    let (stack, _dir) = own_stack(&env).await;
    let (findings, content) = Doctor::of(stack.urls()).examine().await;
    let seen = findings.iter().any(|(_, _, said)| said.contains("sees us as 127.0.0.1"));
    assert!(content && seen, "{findings:?}");
}

#[tokio::test]
async fn a_proxy_that_the_gateway_does_not_know_is_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let public = format!("http://localhost:{port}");
    let env = [
        ("BETTER_AUTH_SECRET", SECRET),
        ("TRUSTED_PROXIES", "192.0.2.1"),
        ("API_URL", public.as_str()),
    ];
    let (stack, _dir) = own_stack(&env).await;
    let gateway = stack.urls().gateway_url.replace("http://localhost", "127.0.0.1");
    tokio::spawn(proxy(listener, gateway.parse().expect("an address")));

    let doctor = Doctor::of(stack.urls()).with("API_URL", &public);
    let (subject, said) = doctor.complaint().await;
    assert!(subject == "door" && said.contains("look like the proxy 127.0.0.1"), "{said}");
}

/// Appends the client's address to `X-Forwarded-For`, as proxies do.
async fn proxy(listener: TcpListener, gateway: SocketAddr) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(forward(client, gateway));
    }
}

/// One request for each connection is all that the test needs.
async fn forward(mut client: TcpStream, gateway: SocketAddr) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = client.read_u8().await else { return };
        head.push(byte);
    }
    let head = String::from_utf8(head).expect("text");
    let named = |line: &str, name: &str| line.to_ascii_lowercase().starts_with(name);
    let lines = head.lines().filter(|line| !line.is_empty() && !named(line, "connection:"));
    let lines = lines.map(|line| {
        if named(line, "x-forwarded-for:") { format!("{line}, 198.51.100.9") } else { line.into() }
    });
    let end = ["connection: close", "", ""].map(str::to_owned);
    let head = lines.chain(end).collect::<Vec<_>>().join("\r\n");
    let Ok(mut upstream) = TcpStream::connect(gateway).await else { return };
    upstream.write_all(head.as_bytes()).await.ok();
    copy(&mut upstream, &mut client).await.ok();
}
