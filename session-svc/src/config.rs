//! Configuration (see `--help`).

use std::net::SocketAddr;

use secrecy::SecretString;
use service_kit::{
    Deployment, Env, NatsUrl,
    redis_link::{self, Servers},
};

pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    pub redis: Servers,
    pub nats_url: NatsUrl,
    pub deployment: Deployment,
}

impl Config {
    pub fn read(env: &Env) -> Option<Self> {
        let listen = env.or("LISTEN_ADDR", "127.0.0.1:3005", "address for the gateway's requests");
        let admin =
            env.or("ADMIN_ADDR", "127.0.0.1:3006", "address of /livez, /readyz and /metrics");
        let database_url =
            env.secret_url("DATABASE_URL", "postgres://user:password@host:port/database");
        let connections = env.or("DATABASE_MAX_CONNECTIONS", "16", "size of the connection pool");
        let redis = env.secret("REDIS_URL", redis_link::FORMS, str::parse);
        let nats_url = NatsUrl::read(env);
        let deployment = Deployment::read(env);
        Some(Self {
            listen: listen?,
            admin: admin?,
            database_url: database_url?,
            database_connections: connections?,
            redis: redis?,
            nats_url: nats_url?,
            deployment: deployment?,
        })
    }
}
