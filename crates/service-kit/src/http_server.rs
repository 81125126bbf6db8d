//! The public port of a service. Public to the gateway, that is: a request that
//! does not show the gateway's key is turned away before anything reads it.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, MatchedPath, Request, State, rejection::BytesRejection},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use contract::internal::{GATEWAY_KEY_HEADER, REQUEST_ID_HEADER};
use http::{HeaderValue, StatusCode, header};
use secrecy::{ExposeSecret, SecretString};
use subtle::ConstantTimeEq;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower_http::{
    catch_panic::CatchPanicLayer, limit::RequestBodyLimitLayer, timeout::TimeoutLayer,
};
use tracing::Instrument;

use crate::{current, kit::Kit, listen::listen, metrics::HttpMetrics, request_id, trace};

/// Largest body of an auth route, in bytes.
const BODY_LIMIT_BYTES: usize = 64 * 1024;
/// A handler that takes longer is given up.
const TIMEOUT: Duration = Duration::from_secs(15);

#[derive(Clone)]
struct Door {
    gateway_key: Arc<SecretString>,
    metrics: HttpMetrics,
    stop: CancellationToken,
}

/// Serves `router` until the service stops; requests that were taken are finished.
pub fn serve(
    addr: SocketAddr,
    router: Router,
    gateway_key: SecretString,
    kit: &mut Kit,
) -> anyhow::Result<()> {
    let door = Door {
        gateway_key: Arc::new(gateway_key),
        metrics: HttpMetrics::register(kit.registry()),
        stop: kit.shutdown().clone(),
    };
    let router = router
        .method_not_allowed_fallback(not_found)
        .fallback(not_found)
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(BODY_LIMIT_BYTES))
        .layer(TimeoutLayer::with_status_code(StatusCode::SERVICE_UNAVAILABLE, TIMEOUT))
        .layer(CatchPanicLayer::custom(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response()))
        .layer(middleware::from_fn_with_state(door, enter));
    let listener = listen(addr)?;
    let closing = kit.closing().clone().cancelled_owned();
    kit.spawn(async move {
        let server = axum::serve(listener, router).with_graceful_shutdown(closing);
        if let Err(error) = server.await {
            tracing::error!(%error, "the server ended");
        }
    });
    Ok(())
}

/// Checks the key, names the request, logs and measures it.
async fn enter(State(door): State<Door>, mut request: Request, next: Next) -> Response {
    if !door.admits(&request) {
        tracing::warn!("a request without the gateway's key was turned away");
        return StatusCode::NOT_FOUND.into_response();
    }
    request.headers_mut().remove(GATEWAY_KEY_HEADER);
    current::mark_query(&mut request);
    let given = request.headers().get(REQUEST_ID_HEADER).and_then(|id| id.to_str().ok());
    let id = given.and_then(request_id::accept).unwrap_or_else(request_id::mint);
    let route = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let route = route.unwrap_or("unmatched").to_owned();
    let method = request.method().clone();
    let span = tracing::info_span!("request", request.id = id, %method, route);
    trace::continue_in(&span, &trace::Headers(request.headers()));
    let began = Instant::now();
    let mut answer = request_id::scope(id, next.run(request)).instrument(span.clone()).await;
    no_store(&mut answer);
    if door.stop.is_cancelled() {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let (status, took) = (answer.status().as_u16(), began.elapsed());
    door.metrics.answered(&route, status, took);
    span.in_scope(|| tracing::info!(status, took_us = took.as_micros(), "answered"));
    answer
}

impl Door {
    fn admits(&self, request: &Request) -> bool {
        let key = request.headers().get(GATEWAY_KEY_HEADER).map(HeaderValue::as_bytes);
        key.is_some_and(|key| key.ct_eq(self.gateway_key.expose_secret().as_bytes()).into())
    }
}

/// Every answer here may carry an identity, so no cache may keep any.
fn no_store(answer: &mut Response) {
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
}

/// What does not exist says so with an empty body (contract 1.2). The request's is
/// read to its end, or the gateway would find the connection closed the next time.
async fn not_found(_body: Result<Bytes, BytesRejection>) -> StatusCode {
    StatusCode::NOT_FOUND
}
