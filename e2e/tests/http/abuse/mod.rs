//! What an attacker sends, made by generators. The judges share no code with the
//! gateway: they know what was generated, or look at what the upstream saw.

mod around;
mod client_addr;
mod connection;
mod headers;
mod methods;
mod mixing;
mod paths;
mod sizes;
mod slow;
mod steering;
mod unread;

use std::collections::BTreeMap;

use e2e::{Answer, Browser, Silence, User, Wire, shared};
use serde_json::Value;

/// A connection that is opened again whenever the gateway has closed it.
struct Line {
    url: String,
    wire: Option<Wire>,
}

impl Line {
    async fn new() -> Self {
        Self { url: shared().await.gateway_url, wire: None }
    }

    /// The answer to these bytes, or nothing where the gateway just hangs up.
    async fn ask(&mut self, request: &[u8]) -> Result<Answer, Silence> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::open(&self.url).await,
        };
        // A server may answer and close before it has read everything.
        wire.send(request).await;
        let answer = wire.answer().await?;
        if answer.header("connection") != Some("close") {
            self.wire = Some(wire);
        }
        Ok(answer)
    }
}

async fn user() -> User {
    Browser::new(&shared().await).sign_up().await
}

fn cookie_line(user: &User) -> String {
    format!("Cookie: better-auth.session_token={}\r\n", user.browser.session_cookie())
}

/// The headers that an upstream saw, their names as a CGI script would have them:
/// everything that is neither letter nor digit is the same there.
fn as_a_script_sees(echo: &Value) -> BTreeMap<String, Vec<String>> {
    let mut seen: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, values) in echo["headers"].as_object().expect("headers") {
        let values = values.as_array().expect("a list").iter();
        let values = values.map(|value| value.as_str().expect("text").to_owned());
        seen.entry(folded(name)).or_default().extend(values);
    }
    seen
}

fn folded(name: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    name.chars().map(plain).collect()
}
