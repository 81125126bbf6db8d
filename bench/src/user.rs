//! Somebody who is signed in.

use anyhow::{Context, Result, ensure};
use serde_json::json;
use stack::Stack;

pub(crate) struct User {
    pub(crate) cookie: String,
    /// How long the answer of get-session is.
    pub(crate) session_bytes: usize,
}

pub(crate) async fn sign_up(stack: &Stack) -> Result<User> {
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
    Ok(User { cookie, session_bytes: session.len() })
}
