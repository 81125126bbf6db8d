//! What an answer of the gateway costs, beside a bare proxy of the same build.
//!
//! Everything runs at once on this machine and takes turns under the same load, so
//! ratios mean something and absolute figures little. The gateway and the bare
//! proxy have one thread each. The load comes from `wrk`.

use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use clap::Parser;
use serde_json::json;
use stack::{Options, Stack};
use tokio::{
    net::TcpStream,
    time::{interval, timeout},
};

/// How long a program may take to listen.
const PATIENCE: Duration = Duration::from_secs(10);

/// Compares the gateway with a bare proxy.
#[derive(Parser)]
struct Arguments {
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of load for each variant in each round.
    #[arg(long, default_value_t = 4)]
    seconds: u32,
    /// Connections of the load.
    #[arg(long, default_value_t = 64)]
    connections: u32,
}

/// Ends with the value, so that nothing outlives the run.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

struct Variant {
    name: &'static str,
    url: String,
    cookie: Option<String>,
}

/// One measurement by `wrk`.
#[derive(Clone, Copy)]
struct Measured {
    requests_per_second: f64,
    p50_ms: f64,
    p99_ms: f64,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let dir = tempfile::tempdir()?;
    let env = [("GATEWAY_THREADS", "1"), ("RUST_LOG", "warn")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { quiet: true, env, ..Options::new(dir.path()) };
    let bin_dir = options.bin_dir.clone();
    let stack = Stack::start(options).await?;
    let (cookie, body_bytes) = sign_up(&stack).await?;

    let (upstream, proxy) = ("127.0.0.1:32101", "127.0.0.1:32102");
    let _upstream = run(&bin_dir, "fixed-answer", &[upstream, &body_bytes.to_string()])?;
    let _proxy = run(&bin_dir, "bare-proxy", &[proxy, upstream])?;
    for address in [upstream, proxy] {
        timeout(PATIENCE, until_it_listens(address)).await.with_context(|| address.to_owned())?;
    }
    let gateway = stack.urls().gateway_url.clone();
    let at_gateway = |name, path, signed_in: bool| Variant {
        name,
        url: format!("{gateway}{path}"),
        cookie: signed_in.then(|| cookie.clone()),
    };
    let variants = [
        Variant { name: "bare pingora proxy", url: format!("http://{proxy}/"), cookie: None },
        at_gateway("gateway: ok", "/api/auth/ok", false),
        at_gateway("gateway: get-session", "/api/auth/get-session", true),
        at_gateway("gateway: proxied with session", "/api/servers", true),
    ];
    let results = measure_all(&arguments, &variants)?;
    report(&variants, &results)?;
    stack.shutdown().await;
    Ok(())
}

/// A signed-in user's cookie, and how long the answer of get-session is.
async fn sign_up(stack: &Stack) -> Result<(String, usize)> {
    let urls = stack.urls();
    let client = reqwest::Client::new();
    let body =
        json!({ "name": "Bench", "email": "bench@example.com", "password": "correct horse" });
    let url = format!("{}/api/auth/sign-up/email", urls.gateway_url);
    let answer = client.post(url).header("origin", &urls.frontend_url).json(&body).send().await?;
    let line = answer.headers().get("set-cookie").context("no cookie came back")?.to_str()?;
    let cookie = line.split(';').next().unwrap_or_default().to_owned();
    let url = format!("{}/api/auth/get-session", urls.gateway_url);
    let session = client.get(url).header("cookie", &cookie).send().await?.text().await?;
    ensure!(session.contains("bench@example.com"), "not signed in: {session}");
    Ok((cookie, session.len()))
}

fn run(bin_dir: &Path, program: &str, arguments: &[&str]) -> Result<Running> {
    let mut command = Command::new(bin_dir.join(program));
    let child = command
        .args(arguments)
        .stdout(Stdio::null())
        .spawn()
        .with_context(|| program.to_owned())?;
    Ok(Running(child))
}

async fn until_it_listens(address: &str) {
    let mut tick = interval(Duration::from_millis(50));
    while TcpStream::connect(address).await.is_err() {
        tick.tick().await;
    }
}

fn measure_all(
    arguments: &Arguments,
    variants: &[Variant],
) -> Result<BTreeMap<&'static str, Vec<Measured>>> {
    let mut results: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for round in 1..=arguments.rounds {
        for variant in variants {
            writeln!(std::io::stderr(), "round {round}: {}", variant.name)?;
            results.entry(variant.name).or_default().push(measure(arguments, variant)?);
        }
    }
    Ok(results)
}

fn measure(arguments: &Arguments, variant: &Variant) -> Result<Measured> {
    let mut wrk = Command::new("wrk");
    wrk.args(["-t1", "--latency"])
        .arg(format!("-c{}", arguments.connections))
        .arg(format!("-d{}s", arguments.seconds));
    if let Some(cookie) = &variant.cookie {
        wrk.arg("-H").arg(format!("Cookie: {cookie}"));
    }
    let output = wrk.arg(&variant.url).output().context("wrk is missing; apt-get install wrk")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(!text.contains("Non-2xx"), "{}: not every answer was good:\n{text}", variant.name);
    parse(&text).with_context(|| format!("wrk said:\n{text}"))
}

fn parse(text: &str) -> Option<Measured> {
    let after = |label: &str| {
        text.lines()
            .find_map(|line| line.trim().strip_prefix(label))
            .map(|rest| rest.trim().to_owned())
    };
    Some(Measured {
        requests_per_second: after("Requests/sec:")?.parse().ok()?,
        p50_ms: milliseconds(&after("50%")?)?,
        p99_ms: milliseconds(&after("99%")?)?,
    })
}

/// `1.23ms`, `456.00us`, `1.20s`
fn milliseconds(text: &str) -> Option<f64> {
    let (number, factor) = match text {
        _ if text.ends_with("us") => (text.trim_end_matches("us"), 0.001),
        _ if text.ends_with("ms") => (text.trim_end_matches("ms"), 1.0),
        _ => (text.trim_end_matches('s'), 1000.0),
    };
    number.parse::<f64>().ok().map(|number| number * factor)
}

fn report(variants: &[Variant], results: &BTreeMap<&'static str, Vec<Measured>>) -> Result<()> {
    let mut out = std::io::stdout();
    let median = |name: &str, pick: fn(&Measured) -> f64| {
        let mut values: Vec<_> = results[name].iter().map(pick).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    let bare = median(variants[0].name, |m| m.requests_per_second);
    writeln!(
        out,
        "| variant | requests/s | ratio | p50 ms | p99 ms |\n| --- | --- | --- | --- | --- |"
    )?;
    for variant in variants {
        let rate = median(variant.name, |m| m.requests_per_second);
        let (p50, p99) = (median(variant.name, |m| m.p50_ms), median(variant.name, |m| m.p99_ms));
        let ratio = rate / bare;
        writeln!(out, "| {} | {rate:.0} | {ratio:.2} | {p50:.2} | {p99:.2} |", variant.name)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_wrk_says_is_understood() {
        let text = "  Thread Stats\n    50%    1.50ms\n    75%    2.00ms\n    99%  900.00us\nRequests/sec:  12345.67\n";
        let measured = parse(text).expect("understood");
        assert!((measured.requests_per_second - 12_345.67).abs() < 0.001);
        assert!((measured.p50_ms - 1.5).abs() < 0.001 && (measured.p99_ms - 0.9).abs() < 0.001);
    }
}
