//! What idle sockets cost: memory of the gateways, and how soon they close.
//!
//! Opens so many sockets in a hundred sessions, each of them confirmed by the panel's
//! welcome, waits until the gateway has pinged them, and then signs one session out.
//! With more than one gateway the sockets of each session are spread over all of them.
//!
//! `idle-sockets [SOCKETS [GATEWAYS]]`

use std::{
    io::Write,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use reqwest::Client;
use serde_json::json;
use stack::{Options, Process, Stack, Urls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::timeout,
};

const SESSIONS: usize = 100;
/// Handshakes at once.
const AT_ONCE: usize = 64;
const PATIENCE: Duration = Duration::from_secs(30);

struct Session {
    cookie: String,
    sockets: Vec<TcpStream>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let wanted: usize = std::env::args().nth(1).map_or(Ok(10_000), |text| text.parse())?;
    let gateways: usize = std::env::args().nth(2).map_or(Ok(1), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let per_session = wanted.div_ceil(SESSIONS);
    let env = vec![
        ("WS_MAX_PER_USER".to_owned(), per_session.to_string()),
        ("WS_PING_SECS".to_owned(), "10".to_owned()),
        ("LOG_FORMAT".to_owned(), "json".to_owned()),
    ];
    let options = Options { quiet: true, env, ..Options::new(dir.path()) };
    let stack = Stack::start(options.with_replicas(gateways, 1)).await?;
    let (client, urls) = (Client::new(), stack.urls().clone());
    let mut sessions = Vec::new();
    for number in 0..SESSIONS {
        let cookie = sign_up(&client, &urls, number).await?;
        sessions.push(Session { cookie, sockets: Vec::new() });
    }
    let before = resident(&stack)?;
    let began = Instant::now();
    for session in &mut sessions {
        open(&urls, session, per_session).await?;
    }
    let opened_in = began.elapsed();
    let after = resident(&stack)?;
    let answered = answer_a_ping(&mut sessions).await?;
    let after_pings = resident(&stack)?;
    let closed_in = sign_out(&client, &urls, &mut sessions[0]).await?;
    let mut still_open = 0;
    for gateway in gateways_of(&stack) {
        still_open += count_open(&client, &urls, gateway).await?;
    }

    let sockets = per_session * SESSIONS;
    let mut out = std::io::stdout();
    writeln!(out, "| | gateways | panel |\n| --- | --- | --- |")?;
    for (name, of) in [("before", before), ("open", after), ("after a ping each", after_pings)] {
        writeln!(out, "| {name}, RSS in MB | {:.1} | {:.1} |", mb(of.0), mb(of.1))?;
    }
    let each = after_pings.0.saturating_sub(before.0) / sockets as u64;
    writeln!(
        out,
        "\n{sockets} sockets in {SESSIONS} sessions, {} gateways, opened in {opened_in:.1?}",
        urls.gateways.len()
    )?;
    writeln!(out, "{each} bytes of a gateway's memory each; {answered} answered a ping")?;
    writeln!(out, "sign-out to the last of {per_session} sockets closed: {closed_in:.1?}")?;
    writeln!(out, "open at the end: {still_open}")?;
    drop(sessions);
    stack.shutdown().await;
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "memory is known to a few digits")]
fn mb(bytes: u64) -> f64 {
    bytes as f64 / 1e6
}

async fn sign_up(client: &Client, urls: &Urls, number: usize) -> Result<String> {
    let email = format!("idle-{number}@example.com");
    let body = json!({ "name": "Idle", "email": email, "password": "correct horse" });
    let url = format!("{}/api/auth/sign-up/email", urls.gateway_url);
    let answer = client.post(url).header("origin", &urls.frontend_url).json(&body).send().await?;
    ensure!(answer.status() == 200, "the sign-up was refused: {}", answer.status());
    let cookie = answer.headers().get("set-cookie").context("a cookie")?.to_str()?;
    Ok(cookie.split(';').next().unwrap_or_default().to_owned())
}

async fn open(urls: &Urls, session: &mut Session, count: usize) -> Result<()> {
    let mut opening = JoinSet::new();
    for number in 0..count {
        if opening.len() >= AT_ONCE {
            session.sockets.push(opening.join_next().await.context("one of them")????);
        }
        // No address has more than its share.
        let address = format!("198.51.{}.{}", number / 250 % 250, number % 250);
        let request = format!(
            "GET /api/ws-session HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
             Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {}\r\nCookie: {}\r\n\
             X-Forwarded-For: {address}\r\n\r\n",
            urls.frontend_url, session.cookie
        );
        let gateway = &urls.gateways[number % urls.gateways.len()];
        let gateway = gateway.trim_start_matches("http://").to_owned();
        opening.spawn(timeout(PATIENCE, handshake(gateway, request)));
    }
    while let Some(opened) = opening.join_next().await {
        session.sockets.push(opened???);
    }
    Ok(())
}

async fn handshake(gateway: String, request: String) -> Result<TcpStream> {
    let mut stream = TcpStream::connect(gateway).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // The welcome ends with a brace; what comes after it is a ping.
    while !(answer.ends_with(b"}") && String::from_utf8_lossy(&answer).contains("auth_success")) {
        ensure!(stream.read_buf(&mut answer).await? > 0, "closed after {answer:?}");
    }
    ensure!(answer.starts_with(b"HTTP/1.1 101"), "{}", String::from_utf8_lossy(&answer));
    Ok(stream)
}

/// Waits for each socket's ping and answers it, as a browser does by itself.
async fn answer_a_ping(sessions: &mut [Session]) -> Result<usize> {
    let mut answered = 0;
    for stream in sessions.iter_mut().flat_map(|session| &mut session.sockets) {
        let mut ping = [0; 2];
        timeout(PATIENCE, stream.read_exact(&mut ping)).await??;
        ensure!(ping == [0x89, 0], "expected a ping, got {ping:?}");
        stream.write_all(&[0x8a, 0x80, 0, 0, 0, 0]).await?;
        answered += 1;
    }
    Ok(answered)
}

/// From asking to sign out until every socket of the session has said why it closes.
async fn sign_out(client: &Client, urls: &Urls, session: &mut Session) -> Result<Duration> {
    let url = format!("{}/api/auth/sign-out", urls.gateway_url);
    let request = client.post(url).header("origin", &urls.frontend_url);
    let began = Instant::now();
    let answer = request.header("cookie", &session.cookie).json(&json!({})).send().await?;
    ensure!(answer.status() == 200, "the sign-out was refused: {}", answer.status());
    for stream in &mut session.sockets {
        let mut said = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut said)).await.context("still open")??;
        if !String::from_utf8_lossy(&said).contains("the session has ended") {
            bail!("closed without a reason: {said:?}");
        }
    }
    Ok(began.elapsed())
}

/// The gateways that run.
fn gateways_of(stack: &Stack) -> impl Iterator<Item = Process> {
    Process::GATEWAYS.into_iter().filter(|gateway| stack.pid(*gateway).is_some())
}

async fn count_open(client: &Client, urls: &Urls, gateway: Process) -> Result<u64> {
    let metrics = client.get(format!("{}/metrics", urls.admin[&gateway]));
    let metrics = metrics.send().await?.text().await?;
    let open = metrics.lines().find_map(|line| line.strip_prefix("websockets_open "));
    Ok(open.context("a gauge of open sockets")?.parse()?)
}

/// Memory of all gateways and of the panel, in bytes.
fn resident(stack: &Stack) -> Result<(u64, u64)> {
    let of = |process| -> Result<u64> {
        let pid = stack.pid(process).context("it runs")?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kb = line.context("VmRSS")?.trim().trim_end_matches(" kB");
        Ok(kb.parse::<u64>()? * 1024)
    };
    Ok((gateways_of(stack).map(of).sum::<Result<u64>>()?, of(Process::Panel)?))
}
