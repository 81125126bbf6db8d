//! Configuration (see `--help`).

use std::{net::SocketAddr, path::PathBuf};

use ipnet::IpNet;
use secrecy::SecretString;
use service_kit::{Deployment, Env, config::Switch};

pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub threads: usize,
    pub redis_url: SecretString,
    pub nats_url: SecretString,
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
    /// Whether a session token may come as a bearer token.
    pub bearer: bool,
    pub deployment: Deployment,
}

impl Config {
    pub fn read(env: &Env) -> Option<Self> {
        let listen = env.or("LISTEN_ADDR", "127.0.0.1:3001", "address of the public port");
        let admin =
            env.or("ADMIN_ADDR", "127.0.0.1:3002", "address of /livez, /readyz and /metrics");
        let cores = std::thread::available_parallelism().map_or(1, usize::from).to_string();
        let threads = env.or("GATEWAY_THREADS", &cores, "threads that serve requests");
        let redis_url = env.secret_url("REDIS_URL", "redis://:password@host:port");
        let nats_url = env.secret_url("NATS_URL", "nats://user:password@host:port");
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
            listen: listen?,
            admin: admin?,
            threads: threads?,
            redis_url: redis_url?,
            nats_url: nats_url?,
            identity_upstream: identity?,
            session_upstream: session?,
            mfa_upstream: mfa?,
            routes_file: routes_file?,
            trusted_proxies: trusted_proxies?.into_iter().map(|network| network.0).collect(),
            session_cache: cache?,
            bearer: bearer?.0,
            rate_limit: rate_limit?.map_or(deployment.production, |switch| switch.0),
            deployment,
        })
    }
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
