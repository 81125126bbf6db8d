//! The admin port: `/livez`, `/readyz`, `/metrics`. Never reachable from outside.

use std::{
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{Router, extract::State, routing::get};
use http::{StatusCode, header};
use prometheus_client::{encoding::text::encode, registry::Registry};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::sync::CancellationToken;

use crate::{
    fault::{Chain, Fault},
    kit::Kit,
    listen::listen,
};

/// A check that takes longer has failed.
const CHECK_TIMEOUT: Duration = Duration::from_secs(1);

type Outcome = Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>>;
type Check = Arc<dyn Fn() -> Outcome + Send + Sync>;

/// What must answer before the service takes requests.
#[derive(Clone, Default)]
pub struct Readiness(Arc<Mutex<Vec<(&'static str, Check)>>>);

impl Readiness {
    pub fn check<F, Fut>(&self, name: &'static str, check: F)
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        let check: Check = Arc::new(move || Box::pin(check()));
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push((name, check));
    }

    /// What is missing, a line each.
    pub async fn missing(&self) -> Vec<String> {
        let checks = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut missing = Vec::new();
        for (name, check) in checks {
            match timeout(CHECK_TIMEOUT, check()).await {
                Ok(Ok(())) => {}
                Ok(Err(fault)) => missing.push(format!("{name}: {}", Chain(&fault))),
                Err(_) => missing.push(format!("{name}: no answer in {CHECK_TIMEOUT:?}")),
            }
        }
        missing
    }
}

#[derive(Clone)]
struct Admin {
    readiness: Readiness,
    registry: Arc<Registry>,
    shutdown: CancellationToken,
}

/// Serves the port until the service has stopped.
pub fn serve(addr: SocketAddr, registry: Registry, kit: &Kit) -> anyhow::Result<()> {
    let listener = listen(addr)?;
    // It answers to the very end.
    serve_on(listener, registry, kit, CancellationToken::new());
    Ok(())
}

/// Serves the port until `gone` is cancelled.
pub(crate) fn serve_on(
    listener: TcpListener,
    registry: Registry,
    kit: &Kit,
    gone: CancellationToken,
) {
    let admin = Admin {
        readiness: kit.readiness().clone(),
        registry: Arc::new(registry),
        shutdown: kit.shutdown().clone(),
    };
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .with_state(admin);
    // Not a tracked task: nobody waits for it when the service stops.
    let serving = axum::serve(listener, router).with_graceful_shutdown(gone.cancelled_owned());
    tokio::spawn(async move { serving.await });
}

async fn readyz(State(admin): State<Admin>) -> (StatusCode, String) {
    if admin.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n".into());
    }
    let missing = admin.readiness.missing().await;
    if missing.is_empty() {
        return (StatusCode::OK, "ready\n".into());
    }
    (StatusCode::SERVICE_UNAVAILABLE, missing.join("\n") + "\n")
}

async fn metrics(
    State(admin): State<Admin>,
) -> Result<([(header::HeaderName, &'static str); 1], String), StatusCode> {
    let mut text = String::new();
    encode(&mut text, &admin.registry).map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
    Ok((
        [(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")],
        text,
    ))
}
