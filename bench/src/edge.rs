//! What the gateway adds to a request, beside proxies that ask nobody.
//!
//! All proxies stand in front of the same upstream, which always says the same.
//! nginx's `auth_request` asks a program that says yes to everything at once: the
//! least that any check by a second request can cost.

use std::fs;

use anyhow::{Context, Result};
use stack::{Options, Process, Stack};
use tempfile::TempDir;

use crate::{
    load::{Load, Variant, measure_all, report},
    programs::{Nginx, run},
    user::sign_up,
};

const UPSTREAM: &str = "127.0.0.1:32101";
const AUTH: &str = "127.0.0.1:32102";
const BARE: &str = "127.0.0.1:32103";
const NGINX_PASS: &str = "127.0.0.1:32104";
const NGINX_ASK: &str = "127.0.0.1:32105";
const ANSWER_BYTES: &str = "200";
const YARDSTICK: &str = "bare pingora proxy";

pub(crate) async fn bench(load: &Load) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let stack = start(&dir).await?;
    let cookie = sign_up(&stack).await?.cookie;
    let bin_dir = Options::new(dir.path()).bin_dir;
    let fixed = bin_dir.join("fixed-answer");
    let upstream = run(&fixed, &[UPSTREAM, ANSWER_BYTES], UPSTREAM).await?;
    let _auth = run(&fixed, &[AUTH, "0"], AUTH).await?;
    let bare = run(&bin_dir.join("bare-proxy"), &[BARE, UPSTREAM], BARE).await?;
    let nginx = Nginx { pass: NGINX_PASS, ask: NGINX_ASK, upstream: UPSTREAM, auth: AUTH };
    let nginx = nginx.start(dir.path()).await?;

    let gateway = stack.urls().gateway_url.clone();
    let pid = stack.pid(Process::Gateway).context("the gateway runs")?;
    let plain = |name, address: &str, pid| Variant {
        name,
        url: format!("http://{address}/"),
        cookie: None,
        pid,
    };
    let at_gateway = |name, path, signed_in: bool| Variant {
        name,
        url: format!("{gateway}{path}"),
        cookie: signed_in.then(|| cookie.clone()),
        pid,
    };
    let variants = [
        plain("the upstream itself", UPSTREAM, upstream.pid()),
        plain(YARDSTICK, BARE, bare.pid()),
        at_gateway("gateway: proxied, public, nobody signed in", "/public", false),
        at_gateway("gateway: proxied with session", "/session", true),
        at_gateway("gateway: get-session", "/api/auth/get-session", true),
        plain("nginx proxy_pass", NGINX_PASS, nginx.pid()),
        plain("nginx auth_request", NGINX_ASK, nginx.pid()),
    ];
    let results = measure_all(load, &variants)?;
    report(&variants, &results, YARDSTICK)?;
    stack.shutdown().await;
    Ok(())
}

/// A stack whose application is the upstream of all the others.
async fn start(dir: &TempDir) -> Result<Stack> {
    let routes = dir.path().join("routes.toml");
    fs::write(&routes, routes_file()).context("writing the routes file")?;
    let env = [
        ("GATEWAY_THREADS", "1"),
        ("RUST_LOG", "warn"),
        ("ROUTES_FILE", &routes.display().to_string()),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let idle = [Process::Panel, Process::Mailer, Process::Mfa];
    let processes = Process::ALL.into_iter().filter(|process| !idle.contains(process)).collect();
    let state = dir.path().join("stack");
    Stack::start(Options { quiet: true, env, processes, ..Options::new(state) }).await
}

fn routes_file() -> String {
    format!(
        r#"[upstreams.fixed]
addresses = ["{UPSTREAM}"]

[[routes]]
prefix = "/public"
upstream = "fixed"
policy = "public"

[[routes]]
prefix = "/session"
upstream = "fixed"
policy = "session"
"#
    )
}
