//! The application itself.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::FromRef;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{any, get};
use axum::{Json, Router};
use serde_json::{Value, json};
use tower_http::services::ServeDir;

use crate::identity::{Claims, Refused, Verifier};
use crate::websocket;

/// Who says who is who.
#[derive(Clone)]
pub(crate) struct App {
    /// Of what the gateway says of a request.
    pub(crate) verifier: Arc<Verifier>,
    /// Of what a client shows on a WebSocket.
    pub(crate) tickets: Arc<Verifier>,
}

impl FromRef<App> for Arc<Verifier> {
    fn from_ref(app: &App) -> Self {
        Self::clone(&app.verifier)
    }
}

pub(crate) fn all(app: App, page: Option<PathBuf>) -> Router {
    let router = Router::new()
        .route("/api/servers", get(servers))
        .route("/api/admin-area", get(admin_area))
        .route("/api/request", any(request))
        .route("/api/public", any(public))
        .route("/api/ws", get(websocket::open))
        .route("/api/ws-session", get(websocket::open))
        .route("/livez", get(ok))
        .route("/readyz", get(ok))
        .fallback(not_found)
        .with_state(app);
    match page {
        Some(folder) => router.nest_service("/page", ServeDir::new(folder)),
        None => router,
    }
}

/// What the person at the other end came for.
async fn servers(user: Claims) -> Json<Value> {
    let Claims { sub: id, email, name, role, .. } = user;
    Json(json!({
        "servers": [
            { "id": "srv-1", "name": "Survival" },
            { "id": "srv-2", "name": "Creative" },
        ],
        "user": { "id": id, "email": email, "name": name, "role": role },
    }))
}

/// The gateway's routes file lets admins through to here and nobody else.
async fn admin_area(_admin: Claims) -> Json<Value> {
    Json(json!({ "ok": true }))
}

/// Shows what an upstream gets to see. The body is read to its end, or the
/// connection could not be used again.
async fn request(claims: Claims, parts: Parts, _body: Bytes) -> Json<Value> {
    Json(describe(&parts, Some(&claims)))
}

/// The same for everybody. Whoever is signed in is known here too.
async fn public(claims: Result<Claims, Refused>, parts: Parts, _body: Bytes) -> Json<Value> {
    Json(describe(&parts, claims.as_ref().ok()))
}

async fn ok() -> &'static str {
    "ok\n"
}

async fn not_found() -> impl IntoResponse {
    (StatusCode::NOT_FOUND, Json(json!({ "error": "Not found" })))
}

pub(crate) fn describe(parts: &Parts, claims: Option<&Claims>) -> Value {
    json!({
        "method": parts.method.as_str(),
        "path": parts.uri.path(),
        "query": parts.uri.query(),
        "headers": by_name(&parts.headers),
        "claims": claims,
    })
}

/// Every value of every header: one that comes twice should be seen twice.
fn by_name(headers: &HeaderMap) -> BTreeMap<&str, Vec<String>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (name, value) in headers {
        all.entry(name.as_str())
            .or_default()
            .push(String::from_utf8_lossy(value.as_bytes()).into_owned());
    }
    all
}
