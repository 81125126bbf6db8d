//! Configuration (see `--help`).

use std::{net::SocketAddr, num::NonZeroU32, path::PathBuf, time::Duration};

use ipnet::IpNet;
use service_kit::{
    Deployment, Env, NatsUrl,
    config::Switch,
    redis_link::{self, Servers},
};

use crate::{
    tls::Files,
    websocket::{relay::Rules, sockets::Caps},
};

pub struct Config {
    pub listening: Listening,
    pub threads: usize,
    pub redis: Servers,
    pub nats_url: NatsUrl,
    pub identity_upstream: String,
    pub session_upstream: String,
    pub mfa_upstream: String,
    /// The application's routes; without it only our own are served.
    pub routes_file: Option<PathBuf>,
    pub trusted_proxies: Vec<IpNet>,
    /// Sessions kept in memory at most.
    pub session_cache: usize,
    /// Whether the rules of contract 9.6 are in force.
    pub rate_limit: bool,
    pub websocket_caps: Caps,
    pub websocket_rules: Rules,
    /// Whether a session token may come as a bearer token.
    pub bearer: bool,
    pub deployment: Deployment,
}

/// Where we listen, and how we let go.
#[derive(Debug, Clone)]
pub struct Listening {
    pub public: SocketAddr,
    pub admin: SocketAddr,
    /// Without them the public port speaks plain HTTP.
    pub tls: Option<Files>,
    /// A port on which plain HTTP is sent to https.
    pub redirect: Option<SocketAddr>,
    /// Where a new gateway finds the old one.
    pub upgrade_sock: Option<PathBuf>,
    /// How long connections are still taken after we are told to stop.
    pub shutdown_delay: Duration,
}

impl Listening {
    /// What each port is for, and its address.
    pub fn ports(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let redirect = self.redirect.map(|address| ("redirect", address));
        [("public", self.public), ("admin", self.admin)].into_iter().chain(redirect)
    }

    fn read(env: &Env) -> Option<Self> {
        let public = env.or("LISTEN_ADDR", "127.0.0.1:3001", "address of the public port");
        let admin =
            env.or("ADMIN_ADDR", "127.0.0.1:3002", "address of /livez, /readyz and /metrics");
        let certificate = env.optional::<PathBuf>(
            "TLS_CERT_FILE",
            "certificate and its issuers, in PEM; with it the public port speaks TLS",
        );
        let key = env.optional::<PathBuf>("TLS_KEY_FILE", "the certificate's private key, in PEM");
        let redirect = env.optional(
            "REDIRECT_LISTEN_ADDR",
            "address of a port on which plain HTTP is sent to API_URL",
        );
        let upgrade_sock = env.optional(
            "UPGRADE_SOCK",
            "a Unix socket by which a new gateway takes the place of this one",
        );
        let delay = env.or(
            "SHUTDOWN_DELAY_SECS",
            "0",
            "how long connections are still taken after SIGTERM, for a load balancer to notice",
        );
        let (certificate, key) = (certificate?, key?);
        if certificate.is_some() != key.is_some() {
            env.problem("TLS_CERT_FILE", "and TLS_KEY_FILE", "set both or neither");
            return None;
        }
        let tls = certificate.zip(key).map(|(certificate, key)| Files { certificate, key });
        Some(Self {
            public: public?,
            admin: admin?,
            tls,
            redirect: redirect?,
            upgrade_sock: upgrade_sock?,
            shutdown_delay: Duration::from_secs(delay?),
        })
    }
}

impl Config {
    pub fn read(env: &Env) -> Option<Self> {
        let listening = Listening::read(env);
        let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        let threads = env.or("GATEWAY_THREADS", &cores, "threads that serve requests");
        let redis = env.secret("REDIS_URL", redis_link::FORMS, str::parse);
        let nats_url = NatsUrl::read(env);
        let identity = env.or("IDENTITY_UPSTREAM", "127.0.0.1:3003", "host:port of identity-svc");
        let session = env.or("SESSION_UPSTREAM", "127.0.0.1:3005", "host:port of session-svc");
        let mfa = env.or("MFA_UPSTREAM", "127.0.0.1:3007", "host:port of mfa-svc");
        let routes_file = env.optional("ROUTES_FILE", "the application's routes, a TOML file");
        let trusted_proxies = env.list::<Network>(
            "TRUSTED_PROXIES",
            "",
            "addresses and networks of proxies whose X-Forwarded-For is believed",
        );
        let cache = env.or("SESSION_CACHE_ENTRIES", "100000", "sessions kept in memory at most");
        let websocket_caps = websocket_caps(env);
        let websocket_rules = websocket_rules(env);
        let deployment = Deployment::read(env);
        let rate_limit =
            env.optional::<Switch>("RATE_LIMIT", "on or off; on in production by default");
        let bearer = env.or::<Switch>(
            "AUTH_BEARER",
            "off",
            "whether Authorization: Bearer is taken in place of the session's cookie",
        );
        let deployment = deployment?;
        Some(Self {
            listening: listening?,
            threads: threads?,
            redis: redis?,
            nats_url: nats_url?,
            identity_upstream: identity?,
            session_upstream: session?,
            mfa_upstream: mfa?,
            routes_file: routes_file?,
            trusted_proxies: trusted_proxies?.into_iter().map(|network| network.0).collect(),
            session_cache: cache?,
            bearer: bearer?.0,
            rate_limit: rate_limit?.map_or(deployment.production, |switch| switch.0),
            websocket_caps: websocket_caps?,
            websocket_rules: websocket_rules?,
            deployment,
        })
    }
}

fn websocket_caps(env: &Env) -> Option<Caps> {
    let all = env.or("WS_MAX", "50000", "WebSockets open at this gateway at most");
    let user = env.or("WS_MAX_PER_USER", "64", "WebSockets of one user at most");
    let address = env.or(
        "WS_MAX_PER_ADDRESS",
        "256",
        "WebSockets from one address, or one IPv6 network of /64, at most",
    );
    Some(Caps { all: all?, per_user: user?, per_address: address? })
}

fn websocket_rules(env: &Env) -> Option<Rules> {
    let message = env.or("WS_MAX_MESSAGE_BYTES", "1048576", "largest message on a WebSocket");
    let ping = env.or(
        "WS_PING_SECS",
        "30",
        "a WebSocket's client that was silent for so long is pinged; after twice as long it is gone",
    );
    let ping_after = ping.map(|secs: NonZeroU32| Duration::from_secs(secs.get().into()));
    Some(Rules { message_max_bytes: message?, ping_after: ping_after? })
}

/// A network, or a single address.
struct Network(IpNet);

impl std::str::FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let network =
            text.parse::<IpNet>().or_else(|_| text.parse::<std::net::IpAddr>().map(IpNet::from));
        network
            .map(Self)
            .map_err(|_| "expected addresses or networks such as 10.0.0.0/8".to_owned())
    }
}
