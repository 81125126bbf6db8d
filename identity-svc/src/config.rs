//! Configuration (see `--help`).

use std::{net::SocketAddr, num::NonZeroUsize};

use secrecy::{ExposeSecret, SecretString};
use service_kit::{Deployment, Env, NatsUrl, config::Switch};

use crate::oauth::OAuthConfig;

/// A recovery key or a set-up token shorter than this could be guessed.
const MIN_KEY_BYTES: usize = 16;

const PRODUCTION_STRANGER_GUESSES: u16 = 300;

pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    pub nats_url: NatsUrl,
    pub deployment: Deployment,
    pub passwords: PasswordConfig,
    /// Wrong passwords of strangers in a minute, over all accounts; 0 for any number.
    pub stranger_guesses: u16,
    /// Opens `POST /api/admin/reset-password`.
    pub recovery_key: Option<SecretString>,
    /// Must come with `POST /api/setup`.
    pub setup_token: Option<SecretString>,
    /// Whether users may change their address.
    pub change_email: bool,
    /// Whether users may delete themselves.
    pub delete_user: bool,
    /// The social providers.
    pub oauth: OAuthConfig,
}

#[derive(Debug, Clone, Copy)]
pub struct PasswordConfig {
    /// bcrypt's cost: each step doubles the work.
    pub cost: u32,
    /// Threads that hash.
    pub threads: NonZeroUsize,
    /// Requests that may wait for one.
    pub queue: NonZeroUsize,
}

impl Config {
    pub fn read(env: &Env) -> Option<Self> {
        let listen = env.or("LISTEN_ADDR", "127.0.0.1:3003", "address for the gateway's requests");
        let admin =
            env.or("ADMIN_ADDR", "127.0.0.1:3004", "address of /livez, /readyz and /metrics");
        let database_url =
            env.secret_url("DATABASE_URL", "postgres://user:password@host:port/database");
        let connections = env.or("DATABASE_MAX_CONNECTIONS", "16", "size of the connection pool");
        let nats_url = NatsUrl::read(env);
        let deployment = Deployment::read(env);
        let passwords = PasswordConfig::read(env);
        let stranger_guesses = env.optional::<u16>(
            "AUTH_STRANGER_GUESSES",
            "wrong passwords in a minute, over all accounts, from browsers and networks that the account is not known to use; 0 for any number; 300 in production by default",
        );
        let recovery_key = env.optional_secret(
            "ADMIN_RECOVERY_KEY",
            "opens the reset of any password; off when not set",
        );
        let setup_token = env
            .optional_secret("SETUP_TOKEN", "must come with the first set-up; none when not set");
        let change_email = env.or::<Switch>(
            "AUTH_CHANGE_EMAIL",
            "off",
            "whether users may change their e-mail address",
        );
        let delete_user =
            env.or::<Switch>("AUTH_DELETE_USER", "off", "whether users may delete themselves");
        let oauth = OAuthConfig::read(env, deployment.as_ref());
        let (deployment, recovery_key, setup_token) = (deployment?, recovery_key?, setup_token?);
        let usual_guesses = if deployment.production { PRODUCTION_STRANGER_GUESSES } else { 0 };
        judge_key(env, "ADMIN_RECOVERY_KEY", recovery_key.as_ref(), &deployment);
        judge_key(env, "SETUP_TOKEN", setup_token.as_ref(), &deployment);
        Some(Self {
            listen: listen?,
            admin: admin?,
            database_url: database_url?,
            database_connections: connections?,
            nats_url: nats_url?,
            deployment,
            passwords: passwords?,
            stranger_guesses: stranger_guesses?.unwrap_or(usual_guesses),
            recovery_key,
            setup_token,
            change_email: change_email?.0,
            delete_user: delete_user?.0,
            oauth: oauth?,
        })
    }
}

impl PasswordConfig {
    fn read(env: &Env) -> Option<Self> {
        let cost = env.or::<u32>("BCRYPT_COST", "10", "bcrypt's cost, 10 to 14");
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get).to_string();
        let threads =
            env.or("BCRYPT_THREADS", &cores, "threads that hash passwords, one per core at most");
        let queue =
            env.or("BCRYPT_QUEUE", "128", "sign-ins that may wait for a hash; more get a 503");
        let cost = cost?;
        if !(10..=14).contains(&cost) {
            env.problem("BCRYPT_COST", &format!("is {cost}"), "expected 10 to 14");
        }
        Some(Self { cost, threads: threads?, queue: queue? })
    }
}

/// In production a key has to be one that nobody can guess.
fn judge_key(env: &Env, name: &str, key: Option<&SecretString>, deployment: &Deployment) {
    let is_short = key.is_some_and(|key| key.expose_secret().len() < MIN_KEY_BYTES);
    if deployment.production && is_short {
        let expected =
            format!("expected at least {MIN_KEY_BYTES} characters that nobody can guess");
        env.problem(name, "is too short", &expected);
    }
}
