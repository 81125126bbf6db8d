//! `/auth/verify`: another proxy asks whether a request may pass, and who makes it
//! (docs/forward-auth.md).
//!
//! What is required stands where the client cannot write: in the address the proxy was
//! configured with, or in the routes file. The client's own request is looked at in one
//! header, whose name is in that address too, or (Envoy) is the path below ours. Then
//! the query is the client's, and nothing in it counts. Whatever is missing, doubled or
//! malformed is a refusal, and a refusal names nobody.

use std::sync::Arc;

use contract::{PanelRefusal, jwt::WS_AUDIENCE, schema::PanelProblem};
use http::{HeaderMap, HeaderName, Method, StatusCode};
use pingora::http::RequestHeader;
use service_kit::Fault;

use crate::{
    answer::Answer,
    app_routes::Found,
    ctx::Ctx,
    path,
    policy::{Policy, Requirement},
    route_table::Edge,
    routes_file::FORWARD_AUTH,
    session::Standing,
    state::Gateway,
};

const ORIGINAL_METHOD: HeaderName = HeaderName::from_static("x-original-method");
const ORIGINAL_URI: HeaderName = HeaderName::from_static("x-original-uri");
const FORWARDED_METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const FORWARDED_URI: HeaderName = HeaderName::from_static("x-forwarded-uri");

/// What a proxy asks about.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    /// What the proxy itself requires.
    requirement: Requirement,
    /// The request whose route in the file is to decide as well.
    original: Option<Original>,
    audience: Arc<str>,
}

#[derive(Debug, PartialEq, Eq)]
struct Original {
    method: Method,
    path: String,
}

/// Why the question itself is no good. Said in the log only.
type Unclear = &'static str;

/// Asks whether a request may pass: for nginx `auth_request` and Traefik `ForwardAuth`.
///
/// Answered to trusted proxies only.
#[utoipa::path(
    get, path = "/auth/verify", tag = "forward-auth", operation_id = "verify",
    params(
        ("role" = Option<Vec<String>>, Query, description = "One of these roles is required"),
        ("fresh" = Option<String>, Query, description = "`1`: a session that began less than a day ago is required"),
        ("uri" = Option<String>, Query, description = "`x-original-uri` or `x-forwarded-uri`: the route of that request decides as well"),
        ("audience" = Option<String>, Query, description = "Whom the assertion is for; `forward-auth` by default"),
    ),
    responses(
        (status = OK, description = "It may; the caller is named in headers", headers(
            ("X-User-Id" = String), ("X-User-Email" = String), ("X-User-Role" = String),
            ("X-Session-Id" = String), ("X-Identity-Token" = String, description = "A signed assertion")
        )),
        (status = UNAUTHORIZED, description = "No session", body = PanelProblem),
        (status = FORBIDDEN, description = "Not with this session, or the question is not in order", body = PanelProblem),
        (status = SERVICE_UNAVAILABLE, description = "The stores do not answer", body = PanelProblem),
    )
)]
pub async fn answer(
    gateway: &Gateway,
    route: Edge,
    request: &RequestHeader,
    ctx: &mut Ctx,
) -> Result<Answer, Fault> {
    let asked = match understand(route, request, ctx) {
        Ok(asked) => asked,
        Err(unclear) => {
            tracing::warn!(
                request.id = ctx.request_id,
                unclear,
                "a question to /auth/verify was refused"
            );
            return Ok(Answer::panel_refusal(PanelRefusal::Forbidden));
        }
    };
    if let Standing::Live(principal) = gateway.sessions.find(&request.headers, ctx.now).await? {
        ctx.principal = Some(principal);
    }
    match decide(gateway, &asked, ctx) {
        Err(refusal) => Ok(Answer::panel_refusal(refusal)),
        Ok(audience) => {
            let answer = Answer::json(StatusCode::OK, "{}");
            let Some(caller) = ctx.caller() else { return Ok(answer) };
            Ok(answer.naming(gateway.assertions.headers(caller, &audience, ctx.now)?))
        }
    }
}

/// The same below our path, with the path of the request that is asked about: for Envoy
/// `ext_authz`. Its route in the routes file decides.
#[utoipa::path(
    get, path = "/auth/verify/{path}", tag = "forward-auth", operation_id = "verifyPath",
    params(("path" = String, Path, description = "The path that is asked about; the method is that of the question")),
    responses(
        (status = OK, description = "It may; the caller is named in headers"),
        (status = BAD_REQUEST, description = "The path could be read in two ways", body = PanelProblem),
        (status = TOO_MANY_REQUESTS, description = "Such paths were asked about too often", body = PanelProblem),
        (status = UNAUTHORIZED, description = "No session", body = PanelProblem),
        (status = FORBIDDEN, description = "Not with this session, or there is no route", body = PanelProblem),
        (status = SERVICE_UNAVAILABLE, description = "The stores do not answer", body = PanelProblem),
    )
)]
#[expect(dead_code, reason = "only described; the one above answers both")]
fn below() {}

fn understand(route: Edge, request: &RequestHeader, ctx: &Ctx) -> Result<Asked, Unclear> {
    if !ctx.behind_proxy {
        return Err("whoever asks is not among TRUSTED_PROXIES");
    }
    match route {
        Edge::VerifyBelow => asked_by_path(&request.method, request.uri.path()),
        _ => asked_by_query(request.uri.query(), &request.headers),
    }
}

fn asked_by_path(method: &Method, path: &str) -> Result<Asked, Unclear> {
    let path = path.strip_prefix(Edge::Verify.path()).ok_or("the path is not below ours")?;
    Ok(Asked {
        requirement: Requirement::default(),
        original: Some(Original { method: method.clone(), path: path.to_owned() }),
        audience: FORWARD_AUTH.into(),
    })
}

fn asked_by_query(query: Option<&str>, headers: &HeaderMap) -> Result<Asked, Unclear> {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query.unwrap_or_default())
        .map_err(|_| "the query cannot be read")?;
    let (mut requirement, mut original, mut audience) = (Requirement::default(), None, None);
    for (key, value) in pairs {
        match (key.as_str(), value.as_str()) {
            ("role", "") => return Err("a role has no name"),
            ("role", _) => requirement.roles.push(value),
            ("fresh", "1" | "true") => requirement.fresh = true,
            ("uri", _) if original.is_some() => return Err("uri is there twice"),
            ("uri", "x-original-uri") => {
                original = Some(original_of(headers, &ORIGINAL_METHOD, &ORIGINAL_URI)?);
            }
            ("uri", "x-forwarded-uri") => {
                original = Some(original_of(headers, &FORWARDED_METHOD, &FORWARDED_URI)?);
            }
            ("audience", WS_AUDIENCE | "") => return Err("nobody may have this audience"),
            ("audience", _) if audience.is_none() => audience = Some(value),
            _ => return Err("a parameter is unknown, there twice, or has no such value"),
        }
    }
    let audience = audience.as_deref().unwrap_or(FORWARD_AUTH).into();
    Ok(Asked { requirement, original, audience })
}

/// What the proxy says of the request. A header that is there twice may have been
/// written by two.
fn original_of(
    headers: &HeaderMap,
    method: &HeaderName,
    uri: &HeaderName,
) -> Result<Original, Unclear> {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().and_then(|value| value.to_str().ok());
        if values.next().is_some() { None } else { value }
    };
    let uri = only(uri).ok_or("the request's URI is missing, doubled or unreadable")?;
    let method = only(method).ok_or("the request's method is missing, doubled or unreadable")?;
    let path = uri.split(['?', '#']).next().unwrap_or_default();
    path::check(path).map_err(|_| "the request's path could be read in two ways")?;
    let method = method.parse().map_err(|_| "the request's method is none")?;
    Ok(Original { method, path: path.to_owned() })
}

/// For whom the caller is to be named, or why the request may not pass. All that is
/// required holds at once: nothing that is asked for takes away from what the file says.
fn decide(gateway: &Gateway, asked: &Asked, ctx: &Ctx) -> Result<Arc<str>, PanelRefusal> {
    let caller = ctx.caller();
    let Some(original) = &asked.original else {
        asked.requirement.judge(caller, ctx.now)?;
        return Ok(Arc::clone(&asked.audience));
    };
    let found = gateway.application.routes().find(&original.method, &original.path);
    let Found::Route(route) = found else { return Err(PanelRefusal::Forbidden) };
    route.rule.policy.judge(caller, ctx.now)?;
    if asked.requirement != Requirement::default() {
        Policy::Caller(asked.requirement.clone()).judge(caller, ctx.now)?;
    }
    Ok(Arc::clone(route.upstream.name()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        pairs.iter().map(pair).collect()
    }

    const ORIGINAL: [(&str, &str); 2] =
        [("x-original-method", "PUT"), ("x-original-uri", "/api/servers/1?role=admin")];

    #[test]
    fn the_query_says_what_is_required() {
        let asked =
            asked_by_query(Some("role=admin&role=user&fresh=1&audience=panel"), &headers(&[]));
        assert_eq!(
            asked,
            Ok(Asked {
                requirement: Requirement {
                    roles: vec!["admin".into(), "user".into()],
                    fresh: true
                },
                original: None,
                audience: "panel".into(),
            })
        );
    }

    #[test]
    fn a_request_is_read_from_the_headers_that_the_query_names_and_from_no_others() {
        let asked = asked_by_query(Some("uri=x-original-uri"), &headers(&ORIGINAL)).expect("clear");
        let original = Original { method: Method::PUT, path: "/api/servers/1".into() };
        assert_eq!(asked.original, Some(original));
        assert_eq!(asked.requirement, Requirement::default());
        assert!(asked_by_query(Some("uri=x-forwarded-uri"), &headers(&ORIGINAL)).is_err());
        assert_eq!(asked_by_query(None, &headers(&ORIGINAL)).expect("clear").original, None);
    }

    #[test]
    fn what_is_unclear_is_refused() {
        for query in [
            "role=",
            "rolle=admin",
            "fresh=0",
            "fresh=",
            "audience=ws",
            "audience=a&audience=b",
            "uri=x-original-uri&uri=x-original-uri",
            "uri=cookie",
            "uri=",
        ] {
            assert!(asked_by_query(Some(query), &headers(&ORIGINAL)).is_err(), "{query}");
        }
        let (method, uri) = (ORIGINAL[0], ORIGINAL[1]);
        for given in [
            vec![],
            vec![method],
            vec![uri],
            vec![method, uri, uri],
            vec![method, method, uri],
            vec![method, ("x-original-uri", "api/servers")],
            vec![method, ("x-original-uri", "http://panel/api/servers")],
            vec![method, ("x-original-uri", "/api/../servers")],
            vec![method, ("x-original-uri", "/%61pi")],
            vec![method, ("x-original-uri", "")],
            vec![("x-original-method", "P T"), uri],
        ] {
            assert!(
                asked_by_query(Some("uri=x-original-uri"), &headers(&given)).is_err(),
                "{given:?}"
            );
        }
    }

    #[test]
    fn of_a_path_below_ours_only_the_path_and_the_method_count() {
        let asked = asked_by_path(&Method::DELETE, "/auth/verify/api/servers").expect("clear");
        let original = Original { method: Method::DELETE, path: "/api/servers".into() };
        assert_eq!(asked.original, Some(original));
        assert_eq!(asked.requirement, Requirement::default());
    }

    proptest! {
        #[test]
        fn no_query_requires_less_than_none(query in "[a-z=&%0-9-]{0,40}") {
            if let Ok(asked) = asked_by_query(Some(&query), &headers(&[])) {
                prop_assert!(asked.original.is_none());
                let now = auth_types::Clock::now(&auth_types::SystemClock);
                prop_assert!(asked.requirement.judge(None, now).is_err());
            }
        }
    }
}
