//! The service's parts, and every route on one screen.

use std::sync::Arc;

use anyhow::Context;
use auth_types::{Clock, SystemClock, Timestamp};
use axum::{Router, extract::FromRef};
use contract::{Purpose, origin::TrustedOrigins, permission::Permission, session::LiveSession};
use http::HeaderMap;
use secrecy::{ExposeSecret, SecretString};
use service_kit::{
    AdminCaller, Bus, Current, Deployment, Error, Kit, WithCookies, absence, admin_caller,
    clock_watch, database, http_server, outbox::Bell, sealing::Sealer,
};
use sqlx::PgPool;
use tokio::sync::Mutex;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    bus,
    config::Config,
    credentials::{self, StrangersBrake},
    metrics::{AdminAction, Metrics},
    model::social::tokens::TokenSealer,
    oauth::{Providers, metrics::OAuthMetrics},
    passwords::Passwords,
    promises, routes,
};

#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub bus: Bus,
    pub bell: Bell,
    pub clock: Arc<dyn Clock>,
    pub deployment: Deployment,
    pub passwords: Passwords,
    pub strangers: StrangersBrake,
    pub metrics: Metrics,
    pub recovery_key: Option<Arc<SecretString>>,
    pub setup_token: Option<Arc<SecretString>>,
    /// Set-ups that arrive together wait here instead of holding connections.
    pub setup_queue: Arc<Mutex<()>>,
    pub change_email: bool,
    pub delete_user: bool,
    pub providers: Providers,
    pub token_sealer: TokenSealer,
    pub flow_sealer: Sealer,
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
    pub async fn current(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Current, WithCookies<Error>> {
        Current::find(&self.bus, &self.deployment.cookies, headers, now).await
    }

    /// The caller, if their session grants this permission.
    pub async fn admin(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
        permission: Permission,
    ) -> Result<AdminCaller, WithCookies<Error>> {
        AdminCaller::find(&self.bus, &self.deployment.cookies, headers, now, permission).await
    }

    /// Counts what an admin does, and leaves a line of it.
    pub fn acted(&self, caller: &AdminCaller, action: AdminAction, whom: &str) {
        caller.audit(action.name(), whom);
        self.metrics.admin_acted(action);
    }

    /// The same for an admin whose own session is not the one that asks.
    pub fn stopped_impersonating(&self, own: &LiveSession, whom: &str) {
        admin_caller::audit(own, AdminAction::StopImpersonating.name(), whom);
        self.metrics.admin_acted(AdminAction::StopImpersonating);
    }
}

/// Every route. Its path and what it takes and gives stand at its handler.
fn routes() -> OpenApiRouter<App> {
    use routes::admin;
    OpenApiRouter::new()
        .routes(routes!(routes::sign_up::sign_up_email))
        .routes(routes!(routes::sign_in::sign_in_email))
        .routes(routes!(routes::verify_email::verify_email))
        .routes(routes!(routes::send_verification_email::send_verification_email))
        .routes(routes!(routes::reset_password::request_password_reset))
        .routes(routes!(routes::reset_password::follow_link))
        .routes(routes!(routes::reset_password::reset_password))
        .routes(routes!(routes::password::change_password))
        .routes(routes!(routes::password::verify_password))
        .routes(routes!(routes::change_email::change_email))
        .routes(routes!(routes::update_user::update_user))
        .routes(routes!(routes::delete_user::delete_user))
        .routes(routes!(routes::delete_user::follow_link))
        .routes(routes!(routes::accounts::list_accounts))
        .routes(routes!(routes::accounts::unlink_account))
        .routes(routes!(routes::provider_tokens::get_access_token))
        .routes(routes!(routes::provider_tokens::refresh_token))
        .routes(routes!(routes::provider_tokens::account_info))
        .routes(routes!(routes::social::sign_in::sign_in_social))
        .routes(routes!(
            routes::social::callback::callback,
            routes::social::callback::callback_form
        ))
        .routes(routes!(routes::social::link::link_social))
        .routes(routes!(routes::error_page::error_page))
        .routes(routes!(admin::list_users::list_users))
        .routes(routes!(admin::get_user::get_user))
        .routes(routes!(admin::create_user::create_user))
        .routes(routes!(admin::update_user::update_user))
        .routes(routes!(admin::set_role::set_role))
        .routes(routes!(admin::ban::ban_user))
        .routes(routes!(admin::ban::unban_user))
        .routes(routes!(admin::remove_user::remove_user))
        .routes(routes!(admin::set_password::set_user_password))
        .routes(routes!(admin::impersonation::impersonate_user))
        .routes(routes!(admin::impersonation::stop_impersonating))
        .routes(routes!(admin::has_permission::has_permission))
        .routes(routes!(routes::setup::setup))
        .routes(routes!(routes::setup::status))
        .routes(routes!(routes::recovery::reset_password))
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
        "identity",
        sqlx::migrate!(),
        config.database_connections,
        &mut kit,
    )?;
    let metrics = Metrics::register(kit.registry());
    let oauth_metrics = OAuthMetrics::register(kit.registry());
    let secrets = &config.deployment.secrets;
    let app = App {
        db,
        bus: Bus::connect(&config.nats_url, &mut kit).await?,
        bell: Bell::default(),
        clock: Arc::new(SystemClock),
        passwords: Passwords::start(config.passwords, metrics.hash.clone())?,
        strangers: StrangersBrake::new(config.stranger_guesses),
        metrics,
        recovery_key: config.recovery_key.map(Arc::new),
        setup_token: config.setup_token.map(Arc::new),
        setup_queue: Arc::default(),
        change_email: config.change_email,
        delete_user: config.delete_user,
        providers: Providers::start(config.oauth, &config.deployment, oauth_metrics)?,
        token_sealer: TokenSealer(Sealer::new(secrets, Purpose::ProviderTokens)),
        flow_sealer: Sealer::new(secrets, Purpose::SocialFlow),
        deployment: config.deployment,
    };
    promises::start(&app, &mut kit);
    credentials::start_purging(&app, &kit);
    kit.until_ready(absence::PATIENCE).await;
    bus::serve(&app, &kit);
    clock_watch::start(app.db.clone(), app.clock.clone(), &mut kit);
    let gateway_key = app.deployment.secrets.gateway_key();
    http_server::serve(config.listen, router(app), gateway_key, &mut kit)?;
    kit.serve_admin(config.admin).context("starting the admin port")?;
    kit.run_until_stopped().await
}
