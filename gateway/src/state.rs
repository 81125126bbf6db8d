//! The gateway's parts.

use std::sync::Arc;

use auth_types::{Clock, SystemClock};
use contract::{
    Purpose,
    jwt::{DOCTOR_AUDIENCE, Jwks, Verifier},
    origin::TrustedOrigins,
    session_copy,
};
use http::HeaderValue;
use ipnet::IpNet;
use secrecy::ExposeSecret;
use service_kit::{Bus, Deployment, Kit, RedisLink, absence::Absences, redis_link::Observer};
use tokio_util::task::TaskTracker;

use crate::{
    application::Application, config::Config, dress::Dress, edge::ws_token::WsTokens,
    endings::Endings, identity::Assertions, limits::Limits, metrics::Metrics, revocations::Ears,
    session::Sessions, session_cache::SessionCache, upstreams::Upstreams, websocket::WebSockets,
};

pub struct Gateway {
    pub clock: Arc<dyn Clock>,
    pub deployment: Deployment,
    pub origins: Arc<TrustedOrigins>,
    pub trusted_proxies: Vec<IpNet>,
    pub limits: Limits,
    /// Whether limits by address are in force.
    pub rate_limit: bool,
    pub application: Arc<Application>,
    pub upstreams: Upstreams,
    /// Which of our services are away.
    pub absences: Absences,
    pub sessions: Arc<Sessions>,
    pub endings: Arc<Endings>,
    pub assertions: Assertions,
    pub ws_tokens: WsTokens,
    /// Knows `stellar doctor`.
    pub doctor: Verifier,
    /// `/.well-known/jwks.json`, written out.
    pub jwks: String,
    pub gateway_key: HeaderValue,
    pub dress: Dress,
    pub metrics: Metrics,
    pub websockets: WebSockets,
    /// Requests that are being answered.
    pub in_flight: TaskTracker,
}

impl Gateway {
    pub async fn start(config: Config, kit: &mut Kit) -> anyhow::Result<Arc<Self>> {
        let deployment = config.deployment;
        let metrics = Metrics::register(kit.registry());
        let application = Application::start(config.routes_file, &metrics, kit).await?;
        let (identity, session, mfa) =
            (&config.identity_upstream, &config.session_upstream, &config.mfa_upstream);
        let upstreams = Upstreams::start(identity, session, mfa, &metrics, kit).await;

        let endings = Arc::new(Endings::default());
        let cache = Arc::new(SessionCache::new(config.session_cache, Arc::clone(&endings)));
        let observer = Arc::clone(&cache) as Arc<dyn Observer>;
        let link = RedisLink::start_observed(config.redis, session_copy::PREFIX, observer, kit);
        let bus = Bus::connect(&config.nats_url, kit).await?;
        let cookies = Arc::clone(&deployment.cookies);
        let websockets =
            WebSockets::new(config.websocket_caps, config.websocket_rules, kit.registry());
        websockets.watch(&cache, &endings, kit);
        let sessions = Arc::new(Sessions::new(
            cookies,
            Arc::clone(&cache),
            Arc::clone(&endings),
            link.clone(),
            bus.clone(),
            metrics.clone(),
        ));
        Ears::new(bus, cache, Arc::clone(&sessions), metrics.clone()).start(kit).await?;
        confirm_endings(&endings, &sessions, kit);

        let key = deployment.secrets.gateway_key();
        let mut gateway_key = HeaderValue::from_str(key.expose_secret())?;
        gateway_key.set_sensitive(true);
        Ok(Arc::new(Self {
            clock: Arc::new(SystemClock),
            origins: Arc::clone(&deployment.origins),
            trusted_proxies: config.trusted_proxies,
            rate_limit: config.rate_limit,
            ws_tokens: WsTokens::new(
                deployment.api_origin.clone(),
                &deployment.secrets,
                link.clone(),
            ),
            limits: Limits::new(config.rate_limit, link, metrics.clone()),
            application,
            upstreams,
            absences: Absences::default(),
            sessions,
            endings,
            assertions: Assertions::new(deployment.api_origin.clone(), &deployment.secrets),
            doctor: Verifier::new(
                &deployment.secrets,
                Purpose::DoctorToken,
                &deployment.api_origin,
                DOCTOR_AUDIENCE,
            ),
            jwks: serde_json::to_string(&Jwks::of(&deployment.secrets))?,
            gateway_key,
            dress: Dress {
                secure: deployment.api_origin.starts_with("https://"),
                bearer: config.bearer.then(|| Arc::clone(&deployment.cookies)),
            },
            metrics,
            websockets,
            in_flight: TaskTracker::new(),
            deployment,
        }))
    }
}

impl Gateway {
    /// Closes all sockets and waits for them, and for the requests that were taken.
    pub async fn drain(&self) {
        self.in_flight.close();
        tokio::join!(self.websockets.close_all(), self.in_flight.wait());
    }
}

/// Looks after sessions that are watched and may have ended.
fn confirm_endings(endings: &Arc<Endings>, sessions: &Arc<Sessions>, kit: &Kit) {
    let (endings, sessions, stop) =
        (Arc::clone(endings), Arc::clone(sessions), kit.shutdown().clone());
    kit.spawn(async move {
        let stands = |digest| sessions.stands(digest, SystemClock.now());
        stop.run_until_cancelled(endings.confirm(stands)).await;
    });
}
