//! What the file says of a route.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use http::Method;
use serde::Deserialize;
use toml::Value;

use super::{Problems, reader::Reader};
use crate::{
    path,
    policy::{Policy, Requirement},
    route_table,
};

const MILLISECOND: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_hours(1);
const DAY: Duration = Duration::from_hours(24);
const CONNECT: Duration = Duration::from_secs(1);
const READ: Duration = Duration::from_secs(30);
const BODY_BYTES: usize = 1024 * 1024;
/// A gibibyte.
const MOST_BODY_BYTES: usize = 1024 * 1024 * 1024;
const RETRIES: u8 = 1;
const MOST_RETRIES: u8 = 3;

/// A route of an application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteRule {
    pub path: RoutePath,
    /// Which methods it takes; all, where there are none. GET takes HEAD in.
    pub methods: Vec<Method>,
    /// The upstream's name.
    pub upstream: Arc<str>,
    pub policy: Policy,
    pub limit: Option<LimitRule>,
    pub timeouts: Timeouts,
    /// How often a request that changes nothing more by being sent again is sent
    /// again, after it failed on the way.
    pub retries: u8,
    pub body_limit_bytes: usize,
    /// Whether a request may become a WebSocket.
    pub websocket: bool,
}

/// Without a slash at the end, so the root is empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RoutePath {
    /// This path and no other.
    Exact(String),
    /// This path and everything below it. `/api/servers` does not take in
    /// `/api/servers-old`.
    Prefix(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    pub connect: Duration,
    /// Longest pause of the upstream.
    pub read: Duration,
    /// From the request's arrival to the end of the answer.
    pub total: Option<Duration>,
}

/// At most `requests` within `window`, counted by this gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitRule {
    pub requests: NonZeroU32,
    pub window: Duration,
    pub by: LimitKey,
}

/// Whose requests are counted together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitKey {
    #[default]
    Address,
    /// The user; the address, where nobody is signed in.
    User,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum PolicyName {
    Public,
    #[default]
    Session,
    Roles,
    Fresh,
}

impl RoutePath {
    #[must_use]
    pub fn text(&self) -> &str {
        let (Self::Exact(path) | Self::Prefix(path)) = self;
        path
    }

    /// Whether it is one with this path, letter by letter.
    #[must_use]
    pub fn covers(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix(self.text()) else { return false };
        match self {
            Self::Exact(_) => rest.is_empty() || rest == "/",
            Self::Prefix(_) => rest.is_empty() || rest.starts_with('/'),
        }
    }
}

impl RouteRule {
    #[must_use]
    pub fn takes(&self, method: &Method) -> bool {
        let as_get = method == Method::HEAD && self.methods.contains(&Method::GET);
        self.methods.is_empty() || self.methods.contains(method) || as_get
    }

    /// How the route is called in logs and metrics.
    #[must_use]
    pub fn label(&self) -> &str {
        if self.path.text().is_empty() { "/" } else { self.path.text() }
    }
}

/// As much of it as can be made out. `None` where it has no path.
pub(super) fn read(number: usize, value: Value, problems: &mut Problems) -> Option<RouteRule> {
    let mut reader = Reader::new(format!("route {number}"), value, problems);
    let path = route_path(&mut reader);
    let upstream: Option<String> = reader.take("upstream");
    if upstream.is_none() {
        reader.problem("needs an upstream");
    }
    let methods = methods(&mut reader);
    let policy = policy(&mut reader);
    let limit = reader.inner("limit").and_then(limit);
    let timeouts = timeouts(reader.inner("timeouts"));
    let retries = reader.take_within("retries", 0, MOST_RETRIES).unwrap_or(RETRIES);
    let body_limit_bytes =
        reader.take_within("body_limit_bytes", 0, MOST_BODY_BYTES).unwrap_or(BODY_BYTES);
    let websocket = reader.take("websocket").unwrap_or(false);
    if websocket && !methods.is_empty() && !methods.contains(&Method::GET) {
        reader.problem("websocket needs the method GET");
    }
    reader.finish();
    let upstream = upstream.unwrap_or_default().into();
    Some(RouteRule {
        path: path?,
        methods,
        upstream,
        policy,
        limit,
        timeouts,
        retries,
        body_limit_bytes,
        websocket,
    })
}

fn route_path(reader: &mut Reader<'_>) -> Option<RoutePath> {
    let (exact, prefix) = (reader.take::<String>("path"), reader.take::<String>("prefix"));
    let (given, kind): (_, fn(String) -> RoutePath) = match (exact, prefix) {
        (Some(exact), None) => (exact, RoutePath::Exact),
        (None, Some(prefix)) => (prefix, RoutePath::Prefix),
        _ => {
            reader.problem("needs either a path or a prefix");
            return None;
        }
    };
    reader.rename(format!("route {given}"));
    let plain = path::check(&given).is_ok()
        && given.bytes().all(|byte| byte.is_ascii_graphic() && !b";?#".contains(&byte));
    if !plain {
        reader.problem("a path begins with / and has one spelling");
        return None;
    }
    if route_table::is_ours(&given) {
        reader.problem("this path is the gateway's own");
    }
    Some(kind(given.trim_end_matches('/').to_owned()))
}

fn methods(reader: &mut Reader<'_>) -> Vec<Method> {
    let given: Vec<String> = reader.take("methods").unwrap_or_default();
    let mut methods = Vec::new();
    for name in given {
        let is_method = name.bytes().all(|byte| byte.is_ascii_uppercase());
        match Method::from_bytes(name.as_bytes()) {
            Ok(Method::CONNECT | Method::TRACE) => {
                reader.problem(format_args!("methods: {name} is never passed on"));
            }
            Ok(method) if is_method => methods.push(method),
            _ => reader.problem(format_args!("methods: {name:?} is no method, in capitals")),
        }
    }
    methods
}

fn policy(reader: &mut Reader<'_>) -> Policy {
    let name: PolicyName = reader.take("policy").unwrap_or_default();
    let roles: Vec<String> = reader.take("roles").unwrap_or_default();
    if roles.iter().any(|role| role.is_empty() || role.contains(',')) {
        reader.problem("roles: a role is a word without a comma");
    }
    match name {
        PolicyName::Roles if roles.is_empty() => reader.problem("policy roles needs `roles`"),
        PolicyName::Public | PolicyName::Session if !roles.is_empty() => {
            reader.problem("`roles` needs `policy = \"roles\"` or `policy = \"fresh\"`");
        }
        _ => {}
    }
    if name == PolicyName::Public {
        return Policy::Public;
    }
    Policy::Caller(Requirement { roles, fresh: name == PolicyName::Fresh })
}

fn limit(mut reader: Reader<'_>) -> Option<LimitRule> {
    let requests = reader.take_within("requests", 1, 1_000_000);
    let window = reader.take_duration("window", MILLISECOND, DAY);
    let by = reader.take("by").unwrap_or_default();
    if requests.is_none() || window.is_none() {
        reader.problem("needs `requests` and `window`");
    }
    reader.finish();
    Some(LimitRule { requests: NonZeroU32::new(requests?)?, window: window?, by })
}

fn timeouts(reader: Option<Reader<'_>>) -> Timeouts {
    let Some(mut reader) = reader else { return Timeouts::default() };
    let timeouts = Timeouts {
        connect: reader.take_duration("connect", MILLISECOND, HOUR).unwrap_or(CONNECT),
        read: reader.take_duration("read", MILLISECOND, DAY).unwrap_or(READ),
        total: reader.take_duration("total", MILLISECOND, DAY),
    };
    reader.finish();
    timeouts
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: CONNECT, read: READ, total: None }
    }
}
