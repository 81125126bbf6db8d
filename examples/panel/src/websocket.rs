//! StellarStack's protocol on a WebSocket.
//!
//! Whoever the gateway has named is signed in from the start. Anybody else may show a
//! token of `GET /api/ws/token`. We can see that it is the gateway's and fresh, but not
//! whether it has been used: the gateway alone remembers that, and only of tokens that
//! it was shown itself. Nor can the gateway close this socket when the session ends. So
//! clients that can should show their token to the gateway.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::{
    Message, WebSocket, WebSocketUpgrade, rejection::WebSocketUpgradeRejection,
};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::identity::{Claims, Refused, Verifier};
use crate::routes::{App, describe};

/// Small, because most sockets are idle, and there may be many.
const BUFFER_BYTES: usize = 4 * 1024;
/// Who signed in with a token has to do so again after this long: nobody tells us when
/// their session ends.
const BELIEVE_TOKENS_FOR: Duration = Duration::from_mins(15);
const SUBSCRIPTIONS: usize = 100;

/// What clients say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Said {
    Auth {
        token: String,
    },
    #[serde(rename_all = "camelCase")]
    Subscribe {
        server_id: String,
    },
    #[serde(rename_all = "camelCase")]
    Unsubscribe {
        server_id: String,
    },
    Ping,
    /// Shows what the handshake looked like from here.
    Describe,
}

/// What a token of `GET /api/ws/token` says.
#[derive(Deserialize)]
struct Ticket {
    sub: String,
}

struct Connection {
    tickets: Arc<Verifier>,
    user_id: Option<String>,
    /// When a user who showed a token here is not believed any more.
    until: Option<Instant>,
    servers: BTreeSet<String>,
    handshake: Value,
}

pub(crate) async fn open(
    State(app): State<App>,
    caller: Result<Claims, Refused>,
    parts: Parts,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    let upgrade = match upgrade {
        Ok(upgrade) => upgrade,
        Err(rejection) => return rejection.into_response(),
    };
    let connection = Connection {
        tickets: app.tickets,
        user_id: caller.as_ref().ok().map(|claims| claims.sub.clone()),
        until: None,
        servers: BTreeSet::new(),
        handshake: describe(&parts, caller.as_ref().ok()),
    };
    upgrade
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .on_upgrade(|socket| connection.serve(socket))
}

impl Connection {
    async fn serve(mut self, mut socket: WebSocket) {
        if let Some(user_id) = &self.user_id {
            let welcome = json!({ "type": "auth_success", "userId": user_id });
            if socket.send(text(&welcome)).await.is_err() {
                return;
            }
        }
        while let Some(Ok(message)) = socket.recv().await {
            let Message::Text(message) = message else { continue };
            let answer = match serde_json::from_str(&message) {
                Ok(said) => self.answer(said).await,
                Err(_) => json!({ "type": "error", "error": "Invalid message" }),
            };
            if socket.send(text(&answer)).await.is_err() {
                return;
            }
        }
    }

    async fn answer(&mut self, said: Said) -> Value {
        match said {
            Said::Auth { token } => self.authenticate(&token).await,
            Said::Subscribe { server_id } => self.subscribe(&server_id),
            Said::Unsubscribe { server_id } => {
                self.servers.remove(&server_id);
                json!({ "type": "unsubscribed", "serverId": server_id })
            }
            Said::Ping => json!({ "type": "pong" }),
            Said::Describe => self.handshake.clone(),
        }
    }

    async fn authenticate(&mut self, token: &str) -> Value {
        match self.tickets.verify::<Ticket>(token).await {
            Ok(ticket) => {
                let answer = json!({ "type": "auth_success", "userId": ticket.sub });
                self.user_id = Some(ticket.sub);
                self.until = Some(Instant::now() + BELIEVE_TOKENS_FOR);
                answer
            }
            Err(Refused::KeysUnavailable) => {
                json!({ "type": "auth_error", "error": "Service unavailable" })
            }
            Err(Refused::Unauthorized) => {
                json!({ "type": "auth_error", "error": "Invalid or expired session" })
            }
        }
    }

    fn subscribe(&mut self, server_id: &str) -> Value {
        let expired = self.until.is_some_and(|until| Instant::now() >= until);
        if self.user_id.is_none() || expired {
            return json!({ "type": "error", "error": "Authentication required to subscribe" });
        }
        if self.servers.len() >= SUBSCRIPTIONS {
            return json!({ "type": "error", "error": "Too many subscriptions" });
        }
        self.servers.insert(server_id.to_owned());
        json!({ "type": "subscribed", "serverId": server_id })
    }
}

fn text(value: &Value) -> Message {
    Message::Text(value.to_string().into())
}
