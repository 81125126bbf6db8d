//! The service's parts, and everything it answers to, on one screen.

use std::sync::Arc;

use anyhow::Context;
use auth_types::{Clock, SystemClock, Timestamp, TokenDigest, UserId};
use axum::{Router, extract::FromRef};
use contract::{origin::TrustedOrigins, permission::Permission, session::LiveSession};
use http::HeaderMap;
use secrecy::ExposeSecret;
use service_kit::{
    AdminCaller, Bus, Current, Deployment, Error, Fault, Kit, RedisLink, WithCookies, absence,
    clock_watch, current::Truth, database, http_server, outbox::Bell,
};
use sqlx::PgPool;
use utoipa::openapi::OpenApi;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    bus,
    config::Config,
    metrics::{AdminAction, Metrics},
    promises,
    receipts::Receipts,
    revocation, routes,
    store::{copies::Copies, sessions},
};

#[derive(Clone)]
pub struct App {
    pub db: PgPool,
    pub copies: Copies,
    pub bus: Bus,
    pub receipts: Receipts,
    pub bell: Bell,
    pub clock: Arc<dyn Clock>,
    pub deployment: Deployment,
    pub metrics: Metrics,
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

/// We need not ask anybody.
impl Truth for App {
    async fn resolve(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Error> {
        Ok(sessions::find_live(&self.db, digest, self.clock.now()).await?)
    }

    async fn extend(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Error> {
        Ok(bus::extend(self, digest).await?)
    }
}

impl App {
    /// Connects to the stores. They need not be there yet.
    pub async fn open(
        config: &Config,
        clock: Arc<dyn Clock>,
        kit: &mut Kit,
    ) -> Result<Self, Fault> {
        let (url, connections) = (config.database_url.expose_secret(), config.database_connections);
        let bus = Bus::connect(&config.nats_url, kit).await?;
        let metrics = Metrics::register(kit.registry());
        Ok(Self {
            db: database::open(url, "session", sqlx::migrate!(), connections, kit)?,
            copies: Copies::new(RedisLink::start(config.redis.clone(), kit)),
            receipts: Receipts::start(bus.clone(), metrics.clone()).await?,
            bus,
            bell: Bell::default(),
            clock,
            metrics,
            deployment: config.deployment.clone(),
        })
    }

    /// The caller's own session.
    pub async fn current(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Current, WithCookies<Error>> {
        Current::find(self, &self.deployment.cookies, headers, now).await
    }

    /// The caller, if their session grants this permission.
    pub async fn admin(
        &self,
        headers: &HeaderMap,
        now: Timestamp,
        permission: Permission,
    ) -> Result<AdminCaller, WithCookies<Error>> {
        AdminCaller::find(self, &self.deployment.cookies, headers, now, permission).await
    }

    /// Counts what an admin does, and leaves a line of it.
    pub fn acted(&self, caller: &AdminCaller, action: AdminAction, whom: &UserId) {
        caller.audit(action.name(), whom.as_str());
        self.metrics.admin_acted(action);
    }
}

/// Every route. Its path and what it takes and gives stand at its handler.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(routes::sign_out::sign_out))
        .routes(routes!(routes::list_sessions::list_sessions))
        .routes(routes!(routes::revoke::revoke_session))
        .routes(routes!(routes::revoke::revoke_sessions))
        .routes(routes!(routes::revoke::revoke_other_sessions))
        .routes(routes!(routes::update_session::update_session))
        .routes(routes!(routes::admin_sessions::list_user_sessions))
        .routes(routes!(routes::admin_sessions::revoke_user_session))
        .routes(routes!(routes::admin_sessions::revoke_user_sessions))
}

fn router(app: App) -> Router {
    Router::from(routes()).with_state(app)
}

/// What the routes say of themselves.
#[must_use]
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn serve_bus(app: &App, kit: &Kit) {
    let with = |app: &App| app.clone();
    let (create, resolve, refresh, changed, revoke) =
        (with(app), with(app), with(app), with(app), with(app));
    let (impersonate, revoke_one, rotate) = (with(app), with(app), with(app));
    app.bus.serve(kit, move |call| bus::create(create.clone(), call));
    app.bus.serve(kit, move |call| bus::resolve(resolve.clone(), call));
    app.bus.serve(kit, move |call| bus::refresh(refresh.clone(), call));
    app.bus.serve(kit, move |call| bus::user_changed(changed.clone(), call));
    app.bus.serve(kit, move |call| bus::revoke_user(revoke.clone(), call));
    app.bus.serve(kit, move |call| bus::impersonate(impersonate.clone(), call));
    app.bus.serve(kit, move |call| bus::rotate(rotate.clone(), call));
    app.bus.serve(kit, move |call| bus::revoke(revoke_one.clone(), call));
}

/// Starts everything, and returns when the service has been told to stop.
pub async fn start(config: Config, mut kit: Kit) -> anyhow::Result<()> {
    let app = App::open(&config, Arc::new(SystemClock), &mut kit).await?;
    kit.until_ready(absence::PATIENCE).await;
    serve_bus(&app, &kit);
    promises::start(&app, &mut kit);
    clock_watch::start(app.db.clone(), app.clock.clone(), &mut kit);
    revocation::start_settling(&app, &kit);
    let gateway_key = app.deployment.secrets.gateway_key();
    http_server::serve(config.listen, router(app), gateway_key, &mut kit)?;
    kit.serve_admin(config.admin).context("starting the admin port")?;
    kit.run_until_stopped().await
}
