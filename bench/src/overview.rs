//! What answers of the gateway cost, beside a bare proxy of the same build.

use anyhow::{Context, Result};
use stack::{Options, Process, Stack};

use crate::{
    load::{Load, Variant, measure_all, report},
    programs::run,
    user::sign_up,
};

const UPSTREAM: &str = "127.0.0.1:32101";
const BARE: &str = "127.0.0.1:32102";
const YARDSTICK: &str = "bare pingora proxy";

pub(crate) async fn bench(load: &Load) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let env = [("GATEWAY_THREADS", "1"), ("RUST_LOG", "warn")];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let options = Options { quiet: true, env, ..Options::new(dir.path()) };
    let bin_dir = options.bin_dir.clone();
    let stack = Stack::start(options).await?;
    let user = sign_up(&stack).await?;

    let bytes = user.session_bytes.to_string();
    let _upstream = run(&bin_dir.join("fixed-answer"), &[UPSTREAM, &bytes], UPSTREAM).await?;
    let bare = run(&bin_dir.join("bare-proxy"), &[BARE, UPSTREAM], BARE).await?;
    let gateway = stack.urls().gateway_url.clone();
    let pid = stack.pid(Process::Gateway).context("the gateway runs")?;
    let at_gateway = |name, path, signed_in: bool| Variant {
        name,
        url: format!("{gateway}{path}"),
        cookie: signed_in.then(|| user.cookie.clone()),
        pid,
    };
    let variants = [
        Variant { name: YARDSTICK, url: format!("http://{BARE}/"), cookie: None, pid: bare.pid() },
        at_gateway("gateway: ok", "/api/auth/ok", false),
        at_gateway("gateway: get-session", "/api/auth/get-session", true),
        at_gateway("gateway: example panel with session", "/api/servers", true),
    ];
    let results = measure_all(load, &variants)?;
    report(&variants, &results, YARDSTICK)?;
    stack.shutdown().await;
    Ok(())
}
