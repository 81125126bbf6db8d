//! The service's parts, and everything it answers to, on one screen.

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
use secrecy::ExposeSecret;
use service_kit::{
    Bus, Current, Deployment, Error, Kit, WithCookies, database, http_server, outbox::Bell,
};
use sqlx::PgPool;

use crate::{
    bus,
    config::Config,
    metrics::Metrics,
    model::{code_digest::CodeDigests, sealing::Sealer},
    promises, purge, routes,
    turns::Turns,
};

#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub bus: Bus,
    pub bell: Bell,
    pub clock: Arc<dyn Clock>,
    pub deployment: Deployment,
    pub metrics: Metrics,
    pub sealer: Sealer,
    pub codes: CodeDigests,
    pub turns: Turns,
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
    /// The caller's own session, for what only they themselves may do.
    pub async fn own_session(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Current, WithCookies<Error>> {
        let current = Current::find(&self.bus, &self.deployment.cookies, headers, now).await?;
        current.require_own()?;
        Ok(current)
    }
}

fn router(app: App) -> Router {
    Router::new()
        .route("/api/auth/two-factor/enable", post(routes::enable::enable))
        .route("/api/auth/two-factor/disable", post(routes::disable::disable))
        .route("/api/auth/two-factor/get-totp-uri", post(routes::totp_uri::get_totp_uri))
        .route("/api/auth/two-factor/qr-code", get(routes::totp_uri::qr_code))
        .route("/api/auth/two-factor/verify-totp", post(routes::verify::verify_totp))
        .route("/api/auth/two-factor/send-otp", post(routes::send_otp::send_otp))
        .route("/api/auth/two-factor/verify-otp", post(routes::verify::verify_otp))
        .route("/api/auth/two-factor/generate-backup-codes", post(routes::backup_codes::generate))
        .route("/api/auth/two-factor/verify-backup-code", post(routes::verify::verify_backup_code))
        .route("/api/auth/two-factor/list-trusted-devices", get(routes::trusted_devices::list))
        .route("/api/auth/two-factor/revoke-trusted-device", post(routes::trusted_devices::revoke))
        .with_state(app)
}

/// Starts everything, and returns when the service has been told to stop.
pub async fn start(config: Config, mut kit: Kit) -> anyhow::Result<()> {
    let db = database::open(
        config.database_url.expose_secret(),
        "mfa",
        sqlx::migrate!(),
        config.database_connections,
        &mut kit,
    )?;
    let app = App {
        db,
        bus: Bus::connect(config.nats_url.expose_secret(), &mut kit).await?,
        bell: Bell::default(),
        clock: Arc::new(SystemClock),
        metrics: Metrics::register(kit.registry()),
        sealer: Sealer::new(&config.deployment.secrets),
        codes: CodeDigests::new(&config.deployment.secrets),
        turns: Turns::default(),
        deployment: config.deployment,
    };
    bus::serve(&app, &kit);
    promises::start(&app, &mut kit);
    purge::start(&app, &kit);
    let gateway_key = app.deployment.secrets.gateway_key();
    http_server::serve(config.listen, router(app), gateway_key, &mut kit).await?;
    kit.serve_admin(config.admin).await.context("starting the admin port")?;
    kit.run_until_stopped().await
}
