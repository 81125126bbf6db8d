//! The service's parts, and everything it answers to, on one screen.

use std::sync::Arc;

use anyhow::Context;
use auth_types::{Clock, SystemClock, Timestamp};
use axum::{Router, extract::FromRef};
use contract::origin::TrustedOrigins;
use http::HeaderMap;
use secrecy::ExposeSecret;
use service_kit::{
    Bus, Current, Deployment, Error, Kit, WithCookies, absence, clock_watch, database, http_server,
    outbox::Bell,
};
use sqlx::PgPool;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    bus,
    config::Config,
    metrics::Metrics,
    model::{
        better_auth::BetterAuthTexts, code_digest::CodeDigests, sealing::Sealer,
        webauthn::relying_party::RelyingParty,
    },
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
    pub better_auth: BetterAuthTexts,
    pub turns: Turns,
    pub relying_party: RelyingParty,
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

    /// The same, where the caller signed in within the last day.
    pub async fn fresh_session(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Current, WithCookies<Error>> {
        let current = self.own_session(headers, now).await?;
        current.require_fresh(now)?;
        Ok(current)
    }
}

/// Every route. Its path and what it takes and gives stand at its handler.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(routes::enable::enable))
        .routes(routes!(routes::disable::disable))
        .routes(routes!(routes::totp_uri::get_totp_uri))
        .routes(routes!(routes::totp_uri::qr_code))
        .routes(routes!(routes::verify::verify_totp))
        .routes(routes!(routes::send_otp::send_otp))
        .routes(routes!(routes::verify::verify_otp))
        .routes(routes!(routes::backup_codes::generate))
        .routes(routes!(routes::verify::verify_backup_code))
        .routes(routes!(routes::trusted_devices::list))
        .routes(routes!(routes::trusted_devices::revoke))
        .routes(routes!(routes::passkey::register::generate_register_options))
        .routes(routes!(routes::passkey::register::verify_registration))
        .routes(routes!(routes::passkey::authenticate::generate_authenticate_options))
        .routes(routes!(routes::passkey::authenticate::verify_authentication))
        .routes(routes!(routes::passkey::manage::list_user_passkeys))
        .routes(routes!(routes::passkey::manage::update_passkey))
        .routes(routes!(routes::passkey::manage::delete_passkey))
}

fn router(app: App) -> Router {
    Router::from(routes()).with_state(app)
}

/// What the routes say of themselves.
#[must_use]
pub fn openapi() -> OpenApi {
    routes().into_openapi()
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
        bus: Bus::connect(&config.nats_url, &mut kit).await?,
        bell: Bell::default(),
        clock: Arc::new(SystemClock),
        metrics: Metrics::register(kit.registry()),
        sealer: Sealer::new(&config.deployment.secrets),
        codes: CodeDigests::new(&config.deployment.secrets),
        better_auth: BetterAuthTexts::new(&config.deployment.secrets),
        turns: Turns::default(),
        relying_party: RelyingParty::new(&config.passkey_rp_id, &config.deployment.origins),
        deployment: config.deployment,
    };
    tracing::info!(rp.id = app.relying_party.id(), origins = ?app.relying_party.origins(), "passkeys are good here");
    kit.until_ready(absence::PATIENCE).await;
    bus::serve(&app, &kit);
    promises::start(&app, &mut kit);
    purge::start(&app, &kit);
    clock_watch::start(app.db.clone(), app.clock.clone(), &mut kit);
    let gateway_key = app.deployment.secrets.gateway_key();
    http_server::serve(config.listen, router(app), gateway_key, &mut kit)?;
    kit.serve_admin(config.admin).context("starting the admin port")?;
    kit.run_until_stopped().await
}
