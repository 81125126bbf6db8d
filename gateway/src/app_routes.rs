//! The routes in force: which one a path leads to.
//!
//! Longest path first, an exact one before a prefix of the same length. A server
//! behind us may read paths with less care than we do: without regard to case, or
//! without what stands behind a `;`. So a path is first looked up as the laxest of
//! them would read it. What that finds must also be the route letter by letter;
//! otherwise the path leads nowhere, rather than to a shorter route with a weaker
//! policy.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use http::{HeaderValue, Method};

use crate::{
    route_limit::RouteLimit,
    routes_file::{RoutePath, RouteRule, RoutesFile},
    upstream::Upstream,
};

/// A route of an application, ready to be used.
#[derive(Debug)]
pub struct AppRoute {
    pub rule: RouteRule,
    pub upstream: Arc<Upstream>,
    pub limit: Option<Arc<RouteLimit>>,
}

/// Where a path leads.
#[derive(Debug, Clone)]
pub enum Found {
    Route(Arc<AppRoute>),
    /// There is a route, but not for this method; these it takes.
    OtherMethods(HeaderValue),
    Nothing,
}

/// The routes on one path.
#[derive(Debug, Default)]
struct Place {
    exact: Vec<Arc<AppRoute>>,
    prefix: Vec<Arc<AppRoute>>,
}

/// All routes and upstreams of one version of the file.
#[derive(Debug, Default)]
pub struct AppRoutes {
    places: HashMap<String, Place>,
    upstreams: Vec<Arc<Upstream>>,
}

impl AppRoutes {
    /// What has not changed since `previous` goes on as it is: an upstream knows how
    /// its addresses are.
    #[must_use]
    pub fn build(file: RoutesFile, previous: &Self) -> Self {
        let mut upstreams: Vec<Arc<Upstream>> = Vec::new();
        for config in file.upstreams {
            let kept = previous.upstreams.iter().find(|upstream| *upstream.config() == config);
            upstreams.push(kept.map_or_else(|| Upstream::new(config), Arc::clone));
        }
        let mut places: HashMap<String, Place> = HashMap::new();
        for rule in file.routes {
            let upstream =
                upstreams.iter().find(|upstream| upstream.config().name == rule.upstream);
            let upstream = Arc::clone(upstream.expect("the file was found in order"));
            let place = places.entry(folded(rule.path.text()).into_owned()).or_default();
            let routes = match rule.path {
                RoutePath::Exact(_) => &mut place.exact,
                RoutePath::Prefix(_) => &mut place.prefix,
            };
            let limit = rule.limit.map(|limit| {
                previous.limit_of(&rule).unwrap_or_else(|| Arc::new(RouteLimit::new(limit)))
            });
            routes.push(Arc::new(AppRoute { rule, upstream, limit }));
        }
        Self { places, upstreams }
    }

    #[must_use]
    pub fn upstreams(&self) -> &[Arc<Upstream>] {
        &self.upstreams
    }

    #[must_use]
    pub fn find(&self, method: &Method, path: &str) -> Found {
        let routes = self.longest(&folded(path));
        let Some(first) = routes.first().filter(|first| first.rule.path.covers(path)) else {
            return Found::Nothing;
        };
        debug_assert!(routes.iter().all(|route| route.rule.path == first.rule.path));
        match routes.iter().find(|route| route.rule.takes(method)) {
            Some(route) => Found::Route(Arc::clone(route)),
            None => Found::OtherMethods(allow(routes)),
        }
    }

    /// What was counted for a route goes on counting when the file is read again.
    fn limit_of(&self, rule: &RouteRule) -> Option<Arc<RouteLimit>> {
        let place = self.places.get(&*folded(rule.path.text()))?;
        let mut routes = place.exact.iter().chain(&place.prefix);
        routes.find(|route| route.rule == *rule)?.limit.clone()
    }

    /// The routes that the laxest reader would take a folded path to.
    fn longest(&self, path: &str) -> &[Arc<AppRoute>] {
        if let Some(place) = self.places.get(path).filter(|place| !place.exact.is_empty()) {
            return &place.exact;
        }
        let mut above = Some(path);
        while let Some(path) = above {
            if let Some(place) = self.places.get(path).filter(|place| !place.prefix.is_empty()) {
                return &place.prefix;
            }
            above = path.rfind('/').map(|end| &path[..end]);
        }
        &[]
    }
}

/// A path as the laxest server would read it: in lower case, without parameters of
/// its segments, and without a slash at its end.
#[must_use]
pub fn folded(path: &str) -> Cow<'_, str> {
    let path = path.trim_end_matches('/');
    if !path.bytes().any(|byte| byte == b';' || byte.is_ascii_uppercase()) {
        return Cow::Borrowed(path);
    }
    let segments = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    let folded = segments.collect::<Vec<_>>().join("/").to_ascii_lowercase();
    Cow::Owned(folded.trim_end_matches('/').to_owned())
}

/// The value of `Allow` (RFC 9110 10.2.1).
fn allow(routes: &[Arc<AppRoute>]) -> HeaderValue {
    let mut methods: Vec<_> =
        routes.iter().flat_map(|route| &route.rule.methods).map(Method::as_str).collect();
    if methods.contains(&"GET") && !methods.contains(&"HEAD") {
        methods.push("HEAD");
    }
    methods.sort_unstable();
    HeaderValue::try_from(methods.join(", ")).expect("names of methods are plain")
}

#[cfg(test)]
mod tests;
