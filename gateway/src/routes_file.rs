//! The application's routes: a TOML file, judged as a whole before any of it counts.
//!
//! ```toml
//! [upstreams.panel]
//! address = "127.0.0.1:3010"
//!
//! [[routes]]
//! prefix = "/api/servers"   # this path and everything below it
//! upstream = "panel"
//! policy = "roles"          # public, session (the default) or roles
//! roles = ["admin"]
//! ```

use std::{collections::BTreeMap, path::Path, sync::Arc};

use anyhow::{Context, ensure};
use contract::jwt::WS_AUDIENCE;
use serde::Deserialize;

use crate::path;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    upstreams: BTreeMap<String, UpstreamEntry>,
    #[serde(default)]
    routes: Vec<RouteEntry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct UpstreamEntry {
    address: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RouteEntry {
    prefix: String,
    upstream: String,
    #[serde(default)]
    policy: PolicyName,
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PolicyName {
    Public,
    #[default]
    Session,
    Roles,
}

/// Who may use a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Policy {
    Public,
    Session,
    Roles(Vec<String>),
}

/// A route of the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRoute {
    pub prefix: String,
    pub upstream: String,
    pub policy: Policy,
}

impl AppRoute {
    /// Whether the path is the prefix itself or below it. `/api/servers` does not
    /// take in `/api/servers-old`.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let rest = path.strip_prefix(self.prefix.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// Routes, the longest prefix first, and where their upstreams are.
#[derive(Debug, Default)]
pub struct AppRoutes {
    pub routes: Vec<Arc<AppRoute>>,
    /// Name to `host:port`.
    pub upstreams: BTreeMap<String, String>,
}

impl AppRoutes {
    pub fn load(file: &Path) -> anyhow::Result<Self> {
        let named = || format!("the routes file {}", file.display());
        let text = std::fs::read_to_string(file).with_context(named)?;
        Self::parse(&text).with_context(named)
    }

    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let file: File = toml::from_str(text)?;
        let upstreams: BTreeMap<_, _> =
            file.upstreams.into_iter().map(|(name, entry)| (name, entry.address)).collect();
        for (name, address) in &upstreams {
            // An assertion's audience is the upstream's name.
            ensure!(
                name != WS_AUDIENCE,
                "no upstream may be called {name}, the audience of ws-tokens"
            );
            let has_port = address
                .rsplit_once(':')
                .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
            ensure!(has_port, "upstream {name}: address is {address:?}, expected host:port");
        }
        let routes = file.routes.into_iter().map(|entry| route(entry, &upstreams));
        let mut routes = routes.collect::<anyhow::Result<Vec<_>>>()?;
        routes.sort_by(|a, b| {
            b.prefix.len().cmp(&a.prefix.len()).then_with(|| a.prefix.cmp(&b.prefix))
        });
        for pair in routes.windows(2) {
            ensure!(
                pair[0].prefix != pair[1].prefix,
                "two routes have the prefix {}",
                pair[0].prefix
            );
        }
        Ok(Self { routes: routes.into_iter().map(Arc::new).collect(), upstreams })
    }

    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Arc<AppRoute>> {
        self.routes.iter().find(|route| route.covers(path))
    }
}

fn route(entry: RouteEntry, upstreams: &BTreeMap<String, String>) -> anyhow::Result<AppRoute> {
    let prefix = entry.prefix;
    ensure!(
        path::check(&prefix).is_ok(),
        "route {prefix:?}: a prefix begins with / and has one spelling"
    );
    ensure!(
        upstreams.contains_key(&entry.upstream),
        "route {prefix}: there is no upstream {:?}",
        entry.upstream
    );
    let policy = match entry.policy {
        PolicyName::Roles => {
            ensure!(!entry.roles.is_empty(), "route {prefix}: policy roles needs `roles`");
            Policy::Roles(entry.roles)
        }
        other => {
            ensure!(entry.roles.is_empty(), "route {prefix}: `roles` needs `policy = \"roles\"`");
            if other == PolicyName::Public { Policy::Public } else { Policy::Session }
        }
    };
    Ok(AppRoute { prefix, upstream: entry.upstream, policy })
}

#[cfg(test)]
mod tests {
    use super::*;

    const UPSTREAM: &str = "[upstreams.panel]\naddress = \"127.0.0.1:3010\"\n";

    fn parse(routes: &str) -> anyhow::Result<AppRoutes> {
        AppRoutes::parse(&format!("{UPSTREAM}{routes}"))
    }

    #[test]
    fn the_longest_prefix_wins_and_ends_at_a_segment() {
        let routes = parse(
            "[[routes]]\nprefix = \"/api\"\nupstream = \"panel\"\n\
             [[routes]]\nprefix = \"/api/servers\"\nupstream = \"panel\"\npolicy = \"public\"\n",
        )
        .expect("in order");
        let policy = |path| routes.find(path).map(|route| route.policy.clone());
        assert_eq!(policy("/api/servers/1"), Some(Policy::Public));
        assert_eq!(policy("/api/servers-old"), Some(Policy::Session));
        assert_eq!(policy("/apis"), None);
    }

    #[test]
    fn a_file_with_a_mistake_does_not_count_at_all() {
        for routes in [
            "[[routes]]\nprefix = \"/a\"\nupstream = \"other\"\n",
            "[[routes]]\nprefix = \"a\"\nupstream = \"panel\"\n",
            "[[routes]]\nprefix = \"/a/../b\"\nupstream = \"panel\"\n",
            "[[routes]]\nprefix = \"/a\"\nupstream = \"panel\"\npolicy = \"roles\"\n",
            "[[routes]]\nprefix = \"/a\"\nupstream = \"panel\"\nroles = [\"admin\"]\n",
            "[[routes]]\nprefix = \"/a\"\nupstream = \"panel\"\nporicy = \"public\"\n",
            "[[routes]]\nprefix = \"/a\"\nupstream = \"panel\"\n[[routes]]\nprefix = \"/a\"\nupstream = \"panel\"\n",
        ] {
            assert!(parse(routes).is_err(), "{routes}");
        }
    }
}
