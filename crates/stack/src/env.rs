//! What the services are told.
//!
//! Four layers, later ones win: what a local stack would like, the environment
//! we were started in, what must be true here (the stores), and what a test
//! asks for by name. So `BCRYPT_COST=12 ./dev up` reaches the services, and a
//! `DATABASE_URL` meant for production does not.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use crate::dirs::Dirs;
use crate::launch::Environment;
use crate::options::Options;
use crate::ports::Ports;
use crate::process::Process;
use crate::secrets::Secrets;
use crate::urls::{StoreUrls, Urls};

type Variables = Vec<(&'static str, String)>;
/// `None` is not set, whatever the outside says.
type Forced = Vec<(&'static str, Option<String>)>;

/// What a process is told before its addresses: a variable that it does not know does no
/// harm.
pub(crate) fn layered(
    wanted: Variables,
    outside: impl IntoIterator<Item = (OsString, OsString)>,
    forced: Forced,
    asked_for: &[(String, String)],
) -> Environment {
    let outside: Environment = outside.into_iter().collect();
    let mut env = Environment::new();
    let wanted = wanted.into_iter().filter(|(name, _)| !is_chosen_outside(name, &outside));
    env.extend(wanted.map(|(name, value)| (name.into(), value.into())));
    env.extend(outside);
    for (name, value) in forced {
        match value {
            Some(value) => env.insert(name.into(), value.into()),
            None => env.remove(OsStr::new(name)),
        };
    }
    env.extend(asked_for.iter().map(|(name, value)| (name.into(), value.into())));
    // The panel checks who signed the assertion: the gateway, by its public name.
    if let Some(api_url) = env.get(OsStr::new("API_URL")).cloned() {
        env.entry("ISSUER".into()).or_insert(api_url);
    }
    env
}

/// Whoever brings a client id of their own for a provider means the real one, or one of
/// their own, and not our stand-in.
fn is_chosen_outside(name: &str, outside: &Environment) -> bool {
    let provider = PROVIDERS.into_iter().find(|provider| name.starts_with(provider));
    provider.is_some_and(|provider| {
        let id = outside.get(OsStr::new(&format!("{provider}CLIENT_ID")));
        id.is_some_and(|id| !id.is_empty())
    })
}

const PROVIDERS: [&str; 3] = ["GOOGLE_", "GITHUB_", "DISCORD_"];

/// Where the stand-ins of social providers are, and as whom they know us.
pub(crate) fn providers(ports: Ports) -> Variables {
    let address = ports.listen(Process::Providers).map(|address| address.to_string());
    let at = |path: &str| format!("http://{}{path}", address.as_deref().unwrap_or_default());
    vec![
        ("GOOGLE_CLIENT_ID", "stellar-google".to_owned()),
        ("GOOGLE_CLIENT_SECRET", "stellar-google-secret".to_owned()),
        ("GOOGLE_ISSUER_URL", at("/google")),
        ("GITHUB_CLIENT_ID", "stellar-github".to_owned()),
        ("GITHUB_CLIENT_SECRET", "stellar-github-secret".to_owned()),
        ("GITHUB_AUTHORIZATION_ENDPOINT", at("/github/login/oauth/authorize")),
        ("GITHUB_TOKEN_ENDPOINT", at("/github/login/oauth/access_token")),
        ("GITHUB_API_BASE", at("/github/api")),
        ("DISCORD_CLIENT_ID", "stellar-discord".to_owned()),
        ("DISCORD_CLIENT_SECRET", "stellar-discord-secret".to_owned()),
        ("DISCORD_AUTHORIZATION_ENDPOINT", at("/discord/oauth2/authorize")),
        ("DISCORD_TOKEN_ENDPOINT", at("/discord/oauth2/token")),
        ("DISCORD_API_BASE", at("/discord/api")),
    ]
}

pub(crate) fn of(
    process: Process,
    mut env: Environment,
    ports: Ports,
    options: &Options,
) -> Environment {
    // The gateways share the replicas of session-svc among them.
    if process == Process::Gateway2 && options.processes.contains(&Process::Session2) {
        let replica = ports.listen(Process::Session2).map(|address| address.to_string());
        env.insert("SESSION_UPSTREAM".into(), replica.unwrap_or_default().into());
    }
    let own = [("LISTEN_ADDR", ports.listen(process)), ("ADMIN_ADDR", ports.admin(process))];
    for (name, address) in own {
        match address {
            Some(address) => env.insert(name.into(), address.to_string().into()),
            None => env.remove(OsStr::new(name)),
        };
    }
    let asked_for = options.env_of.iter().filter(|(whose, ..)| *whose == process);
    env.extend(asked_for.map(|(_, name, value)| (name.into(), value.into())));
    env
}

pub(crate) fn wanted(ports: Ports, urls: &Urls, dirs: &Dirs, secrets: &Secrets) -> Variables {
    let listen =
        |process| ports.listen(process).map(|address| address.to_string()).unwrap_or_default();
    vec![
        ("NODE_ENV", "development".to_owned()),
        ("LOG_FORMAT", "text".to_owned()),
        ("API_URL", urls.gateway_url.clone()),
        ("FRONTEND_URL", urls.frontend_url.clone()),
        ("BETTER_AUTH_SECRET", secrets.better_auth_secret.clone()),
        ("IDENTITY_UPSTREAM", listen(Process::Identity)),
        ("SESSION_UPSTREAM", listen(Process::Session)),
        ("MFA_UPSTREAM", listen(Process::Mfa)),
        ("ROUTES_FILE", dirs.routes().display().to_string()),
        ("TRUSTED_PROXIES", "127.0.0.0/8,::1".to_owned()),
        ("MAIL_TRANSPORT_URL", mail_folder(&dirs.outbox())),
        ("MAIL_FROM", "StellarStack <no-reply@localhost>".to_owned()),
        ("JWKS_URL", format!("http://{}/.well-known/jwks.json", listen(Process::Gateway))),
    ]
}

/// The stores, each with the process's own account, or not at all.
pub(crate) fn forced(stores: &StoreUrls) -> Forced {
    let stores = stores.clone();
    vec![
        ("DATABASE_URL", stores.database_url),
        ("REDIS_URL", stores.redis_url),
        ("NATS_URL", stores.nats_url),
    ]
}

/// The gateway's routes to applications: here, to the example panel.
pub(crate) fn routes(ports: Ports) -> String {
    let panel = ports.listen(Process::Panel).map(|address| address.to_string()).unwrap_or_default();
    format!(
        r#"# Written at every start of the stack; changes here do not last.
# To try your own, set ROUTES_FILE to another file.

[upstreams.panel]
address = "{panel}"

[[routes]]
prefix = "/api/servers"
upstream = "panel"
policy = "session"

[[routes]]
prefix = "/api/request"
upstream = "panel"
policy = "session"

[[routes]]
prefix = "/api/public"
upstream = "panel"
policy = "public"

[[routes]]
prefix = "/api/ws"
upstream = "panel"
policy = "public"         # its protocol has a sign-in of its own
websocket = true

[[routes]]
prefix = "/api/ws-session"
upstream = "panel"
policy = "session"
websocket = true

[[routes]]
prefix = "/page"
upstream = "panel"
policy = "public"

[[routes]]
prefix = "/api/admin-area"
upstream = "panel"
policy = "roles"
roles = ["admin"]

# Whoever comes without a session says who they are in the socket.
[[routes]]
path = "/api/ws"
methods = ["GET"]
upstream = "panel"
policy = "public"
websocket = true
"#
    )
}

/// `file:///a/b`. What would end the path in a URL is escaped.
fn mail_folder(outbox: &Path) -> String {
    let path = outbox.display().to_string();
    let escaped =
        path.replace('%', "%25").replace(' ', "%20").replace('?', "%3F").replace('#', "%23");
    format!("file://{escaped}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env_of(
        process: Process,
        outside: &[(&str, &str)],
        asked_for: &[(&str, &str)],
    ) -> Environment {
        let outside = outside.iter().map(|(k, v)| (k.into(), v.into()));
        let asked_for: Vec<_> =
            asked_for.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let wanted = vec![
            ("NODE_ENV", "development".to_owned()),
            ("API_URL", "http://localhost:3001".to_owned()),
        ];
        let forced =
            vec![("DATABASE_URL", Some("postgres://ours".to_owned())), ("REDIS_URL", None)];
        let env = layered(wanted, outside, forced, &asked_for);
        let options = Options::new("/tmp");
        of(process, env, Ports::from_base(3000).expect("a good base"), &options)
    }

    fn value<'a>(env: &'a Environment, name: &str) -> Option<&'a str> {
        env.get(OsStr::new(name)).and_then(|value| value.to_str())
    }

    #[test]
    fn the_outside_overrides_what_we_would_like() {
        let env =
            env_of(Process::Gateway, &[("NODE_ENV", "production"), ("BCRYPT_COST", "12")], &[]);
        assert_eq!(value(&env, "NODE_ENV"), Some("production"));
        assert_eq!(value(&env, "BCRYPT_COST"), Some("12"));
    }

    #[test]
    fn the_outside_cannot_move_a_stack_to_other_stores_or_ports() {
        let env = env_of(
            Process::Identity,
            &[
                ("DATABASE_URL", "postgres://prod"),
                ("REDIS_URL", "redis://prod"),
                ("LISTEN_ADDR", "0.0.0.0:80"),
            ],
            &[],
        );
        assert_eq!(value(&env, "REDIS_URL"), None, "it has no account there");
        assert_eq!(value(&env, "DATABASE_URL"), Some("postgres://ours"));
        assert_eq!(value(&env, "LISTEN_ADDR"), Some("127.0.0.1:3003"));
        assert_eq!(value(&env, "ADMIN_ADDR"), Some("127.0.0.1:3004"));
    }

    #[test]
    fn the_mailer_is_given_no_public_port() {
        let env = env_of(Process::Mailer, &[("LISTEN_ADDR", "0.0.0.0:80")], &[]);
        assert_eq!(value(&env, "LISTEN_ADDR"), None);
        assert_eq!(value(&env, "ADMIN_ADDR"), Some("127.0.0.1:3009"));
    }

    #[test]
    fn a_test_may_put_something_between_a_service_and_its_store() {
        let env = env_of(Process::Identity, &[], &[("DATABASE_URL", "postgres://proxy")]);
        assert_eq!(value(&env, "DATABASE_URL"), Some("postgres://proxy"));
    }

    #[test]
    fn the_issuer_is_the_public_url() {
        let env = env_of(Process::Panel, &[("API_URL", "https://api.example.com")], &[]);
        assert_eq!(value(&env, "ISSUER"), Some("https://api.example.com"));
    }

    #[test]
    fn a_client_id_from_outside_is_for_the_real_provider() {
        let ports = Ports::from_base(3000).expect("a good base");
        let outside = [("GITHUB_CLIENT_ID", "mine"), ("GOOGLE_CLIENT_ID", "")];
        let outside = outside.map(|(name, value)| (name.into(), value.into()));
        let env = layered(providers(ports), outside, Vec::new(), &[]);
        assert_eq!(value(&env, "GITHUB_CLIENT_ID"), Some("mine"));
        assert_eq!(value(&env, "GITHUB_API_BASE"), None);
        assert_eq!(value(&env, "DISCORD_API_BASE"), Some("http://127.0.0.1:3020/discord/api"));
    }

    #[test]
    fn a_folder_with_spaces_is_still_a_url() {
        assert_eq!(mail_folder(Path::new("/tmp/my stack/outbox")), "file:///tmp/my%20stack/outbox");
    }

    #[test]
    fn the_routes_lead_to_the_panel() {
        let routes = routes(Ports::from_base(3000).expect("a good base"));
        assert!(routes.contains("address = \"127.0.0.1:3010\""), "{routes}");
        assert_eq!(routes.matches("[[routes]]").count(), 8);
    }
}
