//! Sockets through the gateway, to the panel.

mod admission;
mod ending;
mod frames;
mod handshake;
mod panel;
mod tokens;

use e2e::{Browser, Handshake, text};
use serde_json::{Value, json};

/// A route on which anybody may open a socket, and one on which a session may.
const PUBLIC: &str = "/api/ws";
const SESSION: &str = "/api/ws-session";

/// A handshake as this browser's page would send it.
fn from_page(browser: &Browser, urls: &stack::Urls, path: &str) -> Handshake {
    let cookie = format!("better-auth.session_token={}", browser.session_cookie());
    Handshake::new(urls, path)
        .from_somewhere()
        .header("cookie", &cookie)
        .header("origin", &urls.frontend_url)
}

async fn ws_token(browser: &mut Browser) -> String {
    text(&browser.get("/api/ws/token").await.expect(200).json()["token"]).to_owned()
}

fn describe() -> Value {
    json!({ "type": "describe" })
}

fn ping() -> Value {
    json!({ "type": "ping" })
}

fn pong() -> Value {
    json!({ "type": "pong" })
}
