//! The application's routes: a TOML file, judged as a whole before any of it counts
//! (docs/routes.md).
//!
//! ```toml
//! [upstreams.panel]
//! addresses = ["10.0.0.1:3010", { address = "panel.internal:3010", weight = 3 }]
//!
//! [[routes]]
//! prefix = "/api/servers"   # this path and everything below it
//! upstream = "panel"
//! policy = "roles"          # public, session (the default), roles or fresh
//! roles = ["admin"]
//! ```

mod reader;
mod route;
mod upstream;

use std::{collections::BTreeMap, fmt, path::Path};

use http::Method;
use toml::{Table, Value};

pub use route::{LimitKey, LimitRule, RoutePath, RouteRule, Timeouts};
pub use upstream::{Address, EjectionConfig, HealthConfig, UpstreamConfig};

use crate::app_routes::folded;
use reader::Reader;

/// Audience of assertions that `/auth/verify` gives where the proxy names none.
pub const FORWARD_AUTH: &str = "forward-auth";

/// A file without mistakes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct RoutesFile {
    pub upstreams: Vec<UpstreamConfig>,
    pub routes: Vec<RouteRule>,
}

/// Every mistake in a file, so that one more start is enough.
#[derive(Debug, Default)]
pub struct Problems(Vec<String>);

impl Problems {
    fn add(&mut self, at: &str, problem: impl fmt::Display) {
        self.0.push(format!("{at}: {problem}"));
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(
            f,
            "{count} {} in the routes file",
            if count == 1 { "mistake" } else { "mistakes" }
        )?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {problem}"))
    }
}

impl std::error::Error for Problems {}

impl RoutesFile {
    pub fn load(file: &Path) -> Result<Self, Problems> {
        match std::fs::read_to_string(file) {
            Ok(text) => Self::parse(&text),
            Err(error) => Err(Problems(vec![format!("{}: {error}", file.display())])),
        }
    }

    pub fn parse(text: &str) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let file = match text.parse::<Table>() {
            Ok(table) => Self::read(table, &mut problems),
            Err(error) => {
                problems.0.push(error.to_string());
                Self::default()
            }
        };
        if problems.0.is_empty() { Ok(file) } else { Err(problems) }
    }

    fn read(table: Table, problems: &mut Problems) -> Self {
        let mut reader = Reader::new("the file".into(), Value::Table(table), problems);
        let upstreams: BTreeMap<String, Value> = reader.take("upstreams").unwrap_or_default();
        let routes: Vec<Value> = reader.take("routes").unwrap_or_default();
        reader.finish();
        let upstreams: Vec<_> = upstreams
            .into_iter()
            .map(|(name, value)| upstream::read(&name, value, problems))
            .collect();
        let routes: Vec<_> = routes
            .into_iter()
            .enumerate()
            .filter_map(|(at, value)| route::read(at + 1, value, problems))
            .collect();
        for route in &routes {
            let known = upstreams.iter().any(|upstream| upstream.name == route.upstream);
            if !known && !route.upstream.is_empty() {
                let problem = format!("there is no upstream {:?}", route.upstream);
                problems.add(&format!("route {}", route.label()), problem);
            }
        }
        find_twins(&routes, problems);
        Self { upstreams, routes }
    }
}

/// Two routes on one path are in order only if no method is in both.
fn find_twins(routes: &[RouteRule], problems: &mut Problems) {
    for (at, route) in routes.iter().enumerate() {
        let same_place = |other: &&RouteRule| {
            std::mem::discriminant(&other.path) == std::mem::discriminant(&route.path)
                && folded(other.path.text()) == folded(route.path.text())
        };
        for twin in routes[..at].iter().filter(same_place) {
            if twin.path != route.path {
                let problem = format!("differs from {} in its case only", twin.label());
                problems.add(&format!("route {}", route.label()), problem);
            } else if share_a_method(&twin.methods, &route.methods) {
                problems.add(
                    &format!("route {}", route.label()),
                    "two routes take the same method of this path",
                );
            }
        }
    }
}

fn share_a_method(one: &[Method], other: &[Method]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|method| other.contains(method))
}

#[cfg(test)]
mod tests;
