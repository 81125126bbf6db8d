//! The service's parts, and every route on one screen.

use std::sync::Arc;

use anyhow::Context;
use auth_types::{Clock, SystemClock, Timestamp};
use axum::{
    Router,
    extract::FromRef,
    routing::{get, post},
};
use contract::origin::TrustedOrigins;
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{Bus, Current, Deployment, Error, Kit, WithCookies, database, http_server, outbox::Bell};
use sqlx::PgPool;
use tokio::sync::Mutex;

use crate::{config::Config, metrics::Metrics, passwords::Passwords, promises, routes};

#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub bus: Bus,
    pub bell: Bell,
    pub clock: Arc<dyn Clock>,
    pub deployment: Deployment,
    pub passwords: Passwords,
    pub metrics: Metrics,
    pub recovery_key: Option<Arc<SecretString>>,
    pub setup_token: Option<Arc<SecretString>>,
    /// Set-ups that arrive together wait here instead of holding connections.
    pub setup_queue: Arc<Mutex<()>>,
}

impl FromRef<App> for Arc<dyn Clock> {
    fn from_ref(app: &App) -> Self {
        app.clock.clone()
    }
}

impl FromRef<App> for Arc<TrustedOrigins> {
    fn from_ref(app: &App) -> Self {
        app.deployment.origins.clone()
    }
}

impl App {
    /// The caller's own session, as session-svc knows it now.
    pub async fn current(&self, headers: &HeaderMap, now: Timestamp) -> Result<Current, WithCookies<Error>> {
        Current::find(&self.bus, &self.deployment.cookies, headers, now).await
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/api/auth/sign-up/email", post(routes::sign_up::sign_up_email))
        .route("/api/auth/sign-in/email", post(routes::sign_in::sign_in_email))
        .route("/api/auth/verify-email", get(routes::verify_email::verify_email))
        .route("/api/setup", post(routes::setup::setup))
        .route("/api/admin/status", get(routes::setup::status))
        .route("/api/admin/reset-password", post(routes::recovery::reset_password))
        .with_state(app)
}

/// Starts everything, and returns when the service has been told to stop.
pub async fn start(config: Config, mut kit: Kit) -> anyhow::Result<()> {
    let db = database::open(
        config.database_url.expose_secret(),
        "identity",
        sqlx::migrate!(),
        config.database_connections,
        &mut kit,
    )?;
    let metrics = Metrics::register(kit.registry());
    let app = App {
        db,
        bus: Bus::connect(config.nats_url.expose_secret(), &mut kit).await?,
        bell: Bell::default(),
        clock: Arc::new(SystemClock),
        passwords: Passwords::start(config.passwords, metrics.hash.clone())?,
        metrics,
        recovery_key: config.recovery_key.map(Arc::new),
        setup_token: config.setup_token.map(Arc::new),
        setup_queue: Arc::default(),
        deployment: config.deployment,
    };
    promises::start(&app, &mut kit);
    let gateway_key = app.deployment.secrets.gateway_key();
    http_server::serve(config.listen, router(app), gateway_key, &mut kit).await?;
    kit.serve_admin(config.admin).await.context("starting the admin port")?;
    kit.run_until_stopped().await
}
