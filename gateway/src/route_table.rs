//! Where a path leads. What is in no row leads nowhere.

use std::sync::Arc;

use contract::internal::DOCTOR_PATH;
use http::{HeaderValue, Method};

use crate::app_routes::{AppRoute, AppRoutes, Found};

/// Answered at the gateway itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    Health,
    Jwks,
    Ok,
    GetSession,
    /// `POST /get-session`, which the protocol refuses.
    PostGetSession,
    WsToken,
    /// What the gateway sees of whoever asks, for `stellar doctor`.
    Doctor,
    /// The description of the API.
    OpenApi,
    /// The same for people.
    Reference,
    /// Another proxy asks about a request.
    Verify,
    /// The same, with the request's path below ours.
    VerifyBelow,
}

impl Edge {
    pub const ALL: [Self; 11] = [
        Self::Health,
        Self::Jwks,
        Self::Ok,
        Self::GetSession,
        Self::PostGetSession,
        Self::WsToken,
        Self::Doctor,
        Self::OpenApi,
        Self::Reference,
        Self::Verify,
        Self::VerifyBelow,
    ];

    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Health => "/health",
            Self::Jwks => "/.well-known/jwks.json",
            Self::Ok => "/api/auth/ok",
            Self::GetSession | Self::PostGetSession => "/api/auth/get-session",
            Self::WsToken => "/api/ws/token",
            Self::Doctor => DOCTOR_PATH,
            Self::OpenApi => "/api/auth/open-api/generate-schema",
            Self::Reference => "/api/auth/reference",
            Self::Verify => "/auth/verify",
            Self::VerifyBelow => "/auth/verify/{path}",
        }
    }
}

/// Answered by one of our services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Service {
    Identity,
    Session,
    Mfa,
}

#[derive(Debug, Clone)]
pub enum Destination {
    Edge(Edge),
    Service(Service),
    App(Arc<AppRoute>),
    /// An application has the path, but not for this method; for these.
    OtherMethods(HeaderValue),
    /// No route; the answer's body is empty below `/api/auth` (contract 1.2).
    Nowhere,
}

/// Whose manner of refusing a path calls for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `{"message","code"}`
    BetterAuth,
    /// `{"error"}`
    Panel,
}

#[must_use]
pub fn dialect(path: &str) -> Dialect {
    if path == "/api/auth" || path.starts_with("/api/auth/") {
        Dialect::BetterAuth
    } else {
        Dialect::Panel
    }
}

/// Below `/api/auth/`.
pub const SESSION_PATHS: [&str; 9] = [
    "sign-out",
    "list-sessions",
    "revoke-session",
    "revoke-sessions",
    "revoke-other-sessions",
    "update-session",
    "admin/list-user-sessions",
    "admin/revoke-user-session",
    "admin/revoke-user-sessions",
];

/// The path has been found canonical before.
#[must_use]
pub fn find(method: &Method, path: &str, app: &AppRoutes) -> Destination {
    if let Some(rest) = path.strip_prefix("/api/auth/") {
        return find_auth(method, rest);
    }
    let (get, post) = (method == Method::GET, method == Method::POST);
    match path {
        "/health" if get || method == Method::HEAD => Destination::Edge(Edge::Health),
        "/.well-known/jwks.json" if get => Destination::Edge(Edge::Jwks),
        "/api/ws/token" if get => Destination::Edge(Edge::WsToken),
        DOCTOR_PATH if get => Destination::Edge(Edge::Doctor),
        "/auth/verify" if get || method == Method::HEAD => Destination::Edge(Edge::Verify),
        // The method is that of the request it is about.
        _ if path.starts_with("/auth/verify/") => Destination::Edge(Edge::VerifyBelow),
        "/api/setup" | "/api/admin/reset-password" if post => {
            Destination::Service(Service::Identity)
        }
        "/api/admin/status" if get => Destination::Service(Service::Identity),
        // Ours with another method, or no application's business.
        _ if is_ours(path) => Destination::Nowhere,
        _ => match app.find(method, path) {
            Found::Route(route) => Destination::App(route),
            Found::OtherMethods(allow) => Destination::OtherMethods(allow),
            Found::Nothing => Destination::Nowhere,
        },
    }
}

/// Whether no application can have this path.
#[must_use]
pub fn is_ours(path: &str) -> bool {
    const BELOW: [&str; 2] = ["/api/auth", "/auth/verify"];
    const ALONE: [&str; 7] = [
        "/health",
        "/.well-known/jwks.json",
        "/api/ws/token",
        "/api/setup",
        "/api/admin/reset-password",
        "/api/admin/status",
        DOCTOR_PATH,
    ];
    let below = |top: &&str| {
        path.strip_prefix(*top).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    BELOW.iter().any(below) || ALONE.contains(&path)
}

fn find_auth(method: &Method, rest: &str) -> Destination {
    let (get, post) = (method == Method::GET, method == Method::POST);
    match rest {
        _ if !get && !post => Destination::Nowhere,
        "ok" if get => Destination::Edge(Edge::Ok),
        "get-session" if get => Destination::Edge(Edge::GetSession),
        "get-session" => Destination::Edge(Edge::PostGetSession),
        "open-api/generate-schema" if get => Destination::Edge(Edge::OpenApi),
        "reference" if get => Destination::Edge(Edge::Reference),
        "ok" | "open-api/generate-schema" | "reference" => Destination::Nowhere,
        _ if SESSION_PATHS.contains(&rest) => Destination::Service(Service::Session),
        _ if rest.starts_with("two-factor/") || rest.starts_with("passkey/") => {
            Destination::Service(Service::Mfa)
        }
        _ => Destination::Service(Service::Identity),
    }
}

impl Destination {
    /// The row's name, for logs and metrics: never the path itself.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Edge(route) => route.path(),
            Self::Service(Service::Identity) => "identity-svc",
            Self::Service(Service::Session) => "session-svc",
            Self::Service(Service::Mfa) => "mfa-svc",
            Self::App(route) => route.rule.label(),
            Self::OtherMethods(_) => "other-methods",
            Self::Nowhere => "nowhere",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn led(method: &Method, path: &str) -> Destination {
        find(method, path, &AppRoutes::default())
    }

    #[test]
    fn every_path_of_ours_leads_to_who_owns_it() {
        for (method, path, expected) in [
            (Method::GET, "/api/auth/get-session", Destination::Edge(Edge::GetSession)),
            (Method::POST, "/api/auth/get-session", Destination::Edge(Edge::PostGetSession)),
            (Method::POST, "/api/auth/sign-out", Destination::Service(Service::Session)),
            (Method::POST, "/api/auth/sign-in/email", Destination::Service(Service::Identity)),
            (Method::POST, "/api/auth/two-factor/enable", Destination::Service(Service::Mfa)),
            (
                Method::POST,
                "/api/auth/admin/revoke-user-session",
                Destination::Service(Service::Session),
            ),
            (Method::POST, "/api/auth/admin/ban-user", Destination::Service(Service::Identity)),
            (Method::GET, "/api/setup", Destination::Nowhere),
            (Method::PUT, "/api/auth/sign-out", Destination::Nowhere),
            (Method::GET, "/api/auth", Destination::Nowhere),
            (Method::GET, "/API/auth/ok", Destination::Nowhere),
            (Method::GET, "/api/auth/OK", Destination::Service(Service::Identity)),
        ] {
            assert_eq!(
                format!("{:?}", led(&method, path)),
                format!("{expected:?}"),
                "{method} {path}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_path_that_nobody_named_leads_nowhere(path in "/[a-z/._-]{0,20}") {
            prop_assume!(path != "/health" && !path.starts_with("/api"));
            prop_assert!(matches!(led(&Method::GET, &path), Destination::Nowhere));
        }
    }
}
