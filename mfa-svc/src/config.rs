//! Configuration (see `--help`).

use std::{net::SocketAddr, str::FromStr};

use secrecy::SecretString;
use service_kit::{Deployment, Env, NatsUrl};
use url::{Host, Url};

pub struct Config {
    pub listen: SocketAddr,
    pub admin: SocketAddr,
    pub database_url: SecretString,
    pub database_connections: u32,
    pub nats_url: NatsUrl,
    pub deployment: Deployment,
    /// The domain that passkeys are good for.
    pub passkey_rp_id: String,
}

impl Config {
    pub fn read(env: &Env) -> Option<Self> {
        let listen = env.or("LISTEN_ADDR", "127.0.0.1:3007", "address for the gateway's requests");
        let admin =
            env.or("ADMIN_ADDR", "127.0.0.1:3008", "address of /livez, /readyz and /metrics");
        let database_url =
            env.secret_url("DATABASE_URL", "postgres://user:password@host:port/database");
        let connections = env.or("DATABASE_MAX_CONNECTIONS", "16", "size of the connection pool");
        let nats_url = NatsUrl::read(env);
        let rp_id = env.optional::<Domain>(
            "PASSKEY_RP_ID",
            "domain that passkeys are good for; the host of FRONTEND_URL, where it is not set",
        );
        let deployment = Deployment::read(env);
        let passkey_rp_id = passkey_rp_id(env, rp_id?, deployment.as_ref()?);
        Some(Self {
            listen: listen?,
            admin: admin?,
            database_url: database_url?,
            database_connections: connections?,
            nats_url: nats_url?,
            deployment: deployment?,
            passkey_rp_id: passkey_rp_id?,
        })
    }
}

/// A domain as browsers write it.
struct Domain(String);

#[derive(Debug, thiserror::Error)]
#[error("expected a domain such as panel.example.com, without scheme, port or path")]
struct NotADomain;

impl FromStr for Domain {
    type Err = NotADomain;

    fn from_str(text: &str) -> Result<Self, NotADomain> {
        match Host::parse(text) {
            Ok(Host::Domain(domain)) if domain == text => Ok(Self(domain)),
            _ => Err(NotADomain),
        }
    }
}

/// Passkeys of a domain work on pages of that domain and below it only, and cannot be
/// moved to another one; so a domain that is not the frontend's is told at the start.
fn passkey_rp_id(env: &Env, given: Option<Domain>, deployment: &Deployment) -> Option<String> {
    let Ok(frontend) = Url::parse(&deployment.frontend_origin) else { return None };
    let host = frontend.host_str().unwrap_or_default();
    let Some(Domain(domain)) = given else { return Some(host.to_owned()) };
    let is_below = host.strip_suffix(&domain).is_some_and(|rest| rest.ends_with('.'));
    if host == domain || is_below {
        return Some(domain);
    }
    env.problem(
        "PASSKEY_RP_ID",
        &format!("is {domain:?}"),
        "expected the host of FRONTEND_URL, or a domain that it is below",
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rp_id(frontend: &str, given: Option<&str>) -> Result<String, String> {
        let mut values = vec![
            ("DATABASE_URL", "postgres://a@localhost/b"),
            ("NATS_URL", "nats://localhost"),
            ("BETTER_AUTH_SECRET", "a-secret-for-tests-0123456789-abcdefghij"),
            ("FRONTEND_URL", frontend),
        ];
        values.extend(given.map(|given| ("PASSKEY_RP_ID", given)));
        let env = Env::of(values.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())));
        let config = Config::read(&env);
        env.finish(config).map(|config| config.passkey_rp_id).map_err(|wrong| wrong.to_string())
    }

    #[test]
    fn passkeys_are_of_the_frontends_domain_or_one_above() {
        let panel = "https://panel.example.com";
        assert_eq!(rp_id(panel, None).as_deref(), Ok("panel.example.com"));
        assert_eq!(rp_id("http://localhost:3000", None).as_deref(), Ok("localhost"));
        for good in ["panel.example.com", "example.com"] {
            assert_eq!(rp_id(panel, Some(good)).as_deref(), Ok(good));
        }
        for bad in [
            "badexample.com",
            "ample.com",
            "localhost",
            "my.panel.example.com",
            "https://panel.example.com",
            "panel.example.com:443",
            "Panel.example.com",
            "127.0.0.1",
        ] {
            let told = rp_id(panel, Some(bad));
            assert!(
                told.as_ref().is_err_and(|told| told.contains("PASSKEY_RP_ID")),
                "{bad}: {told:?}"
            );
        }
    }
}
