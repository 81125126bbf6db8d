//! What every service has to know of the deployment it is part of.

use std::sync::Arc;

use contract::{
    RootSecrets,
    cookies::Cookies,
    origin::{TrustedOrigins, bare_origin},
};

use crate::config::Env;

/// Where we are, for whom, and under which secret.
#[derive(Clone)]
pub struct Deployment {
    pub production: bool,
    /// Origin of the API as browsers see it, such as `https://panel.example.com`.
    pub api_origin: String,
    /// Origin of the panel's pages.
    pub frontend_origin: String,
    pub origins: Arc<TrustedOrigins>,
    pub secrets: RootSecrets,
    pub cookies: Arc<Cookies>,
}

impl Deployment {
    pub fn read(env: &Env) -> Option<Self> {
        let production = production(env);
        let api = origin(
            env,
            "API_URL",
            "http://localhost:3001",
            "origin of this API as browsers see it",
        );
        let frontend =
            origin(env, "FRONTEND_URL", "http://localhost:3000", "origin of the panel's pages");
        let others = env.list::<Origin>(
            "BETTER_AUTH_TRUSTED_ORIGINS",
            "",
            "further origins whose pages may call this API, separated by commas",
        );
        let secrets = env.secret(
            "BETTER_AUTH_SECRET",
            "root secret, at least 32 random bytes; or newest first `2:secret,1:older` to rotate",
            RootSecrets::parse,
        );
        let (api, frontend, secrets) = (api?, frontend?, secrets?);
        if production? && api.starts_with("http://") && !is_loopback(&api) {
            env.problem("API_URL", &format!("is {api:?}"), "cookies need https in production");
        }
        if production? && secrets.any_is_guessable() {
            env.problem(
                "BETTER_AUTH_SECRET",
                "is an example",
                "make one with `openssl rand -base64 32`",
            );
        }
        let trusted = std::iter::once(frontend.clone()).chain(others?.into_iter().map(|o| o.0));
        Some(Self {
            production: production?,
            origins: Arc::new(TrustedOrigins::new(api.clone(), trusted)),
            cookies: Arc::new(Cookies::new(&secrets, api.starts_with("https://"))),
            api_origin: api,
            frontend_origin: frontend,
            secrets,
        })
    }
}

/// `NODE_ENV`, or `APP_ENV` where that one is not set.
fn production(env: &Env) -> Option<bool> {
    let about = "`production` turns on e-mail verification, rate limits and strict checks";
    let node: Option<String> = env.optional("NODE_ENV", about)?;
    let app: Option<String> = env.optional("APP_ENV", "the same, where NODE_ENV is not set")?;
    Some(node.or(app).as_deref() == Some("production"))
}

fn origin(env: &Env, name: &'static str, default: &str, about: &'static str) -> Option<String> {
    env.or::<Origin>(name, default, about).map(|origin| origin.0)
}

/// A bare origin in its canonical spelling.
struct Origin(String);

impl std::str::FromStr for Origin {
    type Err = contract::origin::NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        bare_origin(text).map(Self)
    }
}

/// Whether the origin is this machine's own, which browsers trust without TLS.
#[must_use]
pub fn is_loopback(origin: &str) -> bool {
    url::Url::parse(origin).is_ok_and(|url| match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    })
}
