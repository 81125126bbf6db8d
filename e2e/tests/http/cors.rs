//! Which pages may read our answers.

use e2e::{Answer, Browser, shared};
use reqwest::Method;
use serde_json::{Value, json};

#[track_caller]
fn expect_readable(answer: &Answer, origin: &str) {
    assert_eq!(answer.header("access-control-allow-origin"), Some(origin), "{answer:?}");
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    assert_eq!(
        answer.header("access-control-expose-headers"),
        Some(
            "X-Retry-After, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-Id"
        )
    );
    assert_eq!(answer.header("vary"), Some("Origin"));
}

#[track_caller]
fn expect_unreadable(answer: &Answer) {
    let named = answer.headers.keys().filter(|name| name.as_str().starts_with("access-control-"));
    assert_eq!(named.count(), 0, "{answer:?}");
    assert_eq!(answer.header("vary"), Some("Origin"));
}

/// One answer of every kind: the gateway's own, a service's, the application's.
async fn answers_of_every_kind(browser: &mut Browser) -> Vec<Answer> {
    let mut answers = Vec::new();
    for path in [
        "/health",
        "/api/auth/ok",
        "/api/auth/get-session",
        "/api/auth/list-sessions",
        "/api/auth/nowhere",
        "/api/ws/token",
        "/api/servers",
        "/api/public",
        "/api/admin/status",
        "/nowhere",
    ] {
        answers.push(browser.get(path).await);
    }
    for (path, body) in [
        ("/api/auth/sign-out", json!({})),
        ("/api/auth/sign-in/email", Value::Null),
        ("/api/auth/sign-up/email", json!({})),
    ] {
        answers.push(browser.post(path, &body).await);
    }
    answers
}

#[tokio::test]
async fn pages_of_ours_may_read_every_answer() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    for origin in [&urls.frontend_url, &urls.gateway_url] {
        let mut page = user.browser.clone().on_page_of(Some(origin));
        for answer in answers_of_every_kind(&mut page).await {
            expect_readable(&answer, origin);
        }
    }
}

#[tokio::test]
async fn foreign_pages_may_read_none() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    for origin in [None, Some("null"), Some("https://evil.com"), Some("*")] {
        let mut page = user.browser.clone().on_page_of(origin);
        for answer in answers_of_every_kind(&mut page).await {
            expect_unreadable(&answer);
        }
    }
}

async fn preflight(path: &str, origin: &str) -> Answer {
    let mut browser = Browser::new(&shared().await).on_page_of(Some(origin));
    let request = browser.request(Method::OPTIONS, path);
    let request = request.header("access-control-request-method", "POST");
    browser.send(request.header("access-control-request-headers", "content-type")).await
}

#[tokio::test]
async fn a_page_of_ours_may_ask_with_json_and_cookies() {
    let ours = shared().await.frontend_url;
    for path in ["/api/auth/sign-in/email", "/api/servers", "/api/setup", "/nowhere"] {
        let answer = preflight(path, &ours).await.expect_empty(204);
        expect_readable(&answer, &ours);
        let methods = "GET, POST, PUT, PATCH, DELETE, OPTIONS";
        assert_eq!(answer.header("access-control-allow-methods"), Some(methods));
        let headers = "Content-Type, Authorization, X-Setup-Token";
        assert_eq!(answer.header("access-control-allow-headers"), Some(headers));
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        assert_eq!(answer.header("content-length"), None);
    }
}

#[tokio::test]
async fn a_foreign_page_gets_no_leave() {
    for origin in ["https://evil.com", "null"] {
        let answer = preflight("/api/auth/sign-in/email", origin).await.expect_empty(204);
        expect_unreadable(&answer);
    }
}
