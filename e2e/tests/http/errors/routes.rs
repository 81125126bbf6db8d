//! Paths and methods that lead nowhere.

use e2e::{raw_answers, shared};
use futures_util::{StreamExt, stream};
use reqwest::Method;
use serde_json::json;

use super::{POSTS, SIGN_IN, SIGN_OUT, browser, expect_nothing};

#[tokio::test]
async fn an_unknown_route_is_nothing() {
    let mut browser = browser().await;
    for path in [
        "/api/auth",
        "/api/auth/",
        "/api/auth/nowhere",
        "/api/auth/OK",
        "/api/auth/Sign-In/Email",
        "/api/auth/sign-in",
        "/api/auth/sign-in/email/",
        "/api/auth/sign-in/email/x",
        "/api/auth/get-session/",
        "/api/auth/ok/",
        "/api/auth/%6fk",
        "/api/auth/sign-in%2Femail",
        "/api/auth/set-password",
        "/api/auth/forget-password",
        "/api/auth/two-factor/view-backup-codes",
        "/api/auth/totp/generate",
    ] {
        expect_nothing(browser.get(path).await);
        expect_nothing(browser.post(path, &json!({})).await);
    }
}

#[tokio::test]
async fn a_route_has_its_own_methods() {
    let mut browser = browser().await;
    for (path, _) in POSTS {
        expect_nothing(browser.get(path).await);
    }
    for path in ["/api/auth/list-sessions", "/api/auth/ok", "/api/auth/verify-email"] {
        expect_nothing(browser.post(path, &json!({})).await);
    }
    for path in ["/health", "/.well-known/jwks.json", "/api/ws/token", "/api/admin/status"] {
        browser.post(path, &json!({})).await.expect_error(404, "Not found");
    }
    browser.get("/api/setup").await.expect_error(404, "Not found");
    // Counted for each address, whatever the method.
    let request = browser.request(Method::GET, "/api/admin/reset-password");
    let request = request.header("x-forwarded-for", "198.51.100.77");
    browser.send(request).await.expect_error(404, "Not found");
}

#[tokio::test]
async fn other_methods_are_not_found_either() {
    let mut browser = browser().await;
    for method in ["PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND", "post"] {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        for path in [
            SIGN_IN,
            SIGN_OUT,
            "/api/auth/get-session",
            "/api/auth/nowhere",
            "/health",
            "/api/setup",
            "/nowhere",
        ] {
            let request = browser.request(method.clone(), path);
            browser.send(request).await.expect_error(404, "Not found");
        }
    }
    let request = browser.request(Method::HEAD, "/api/auth/ok");
    browser.send(request).await.expect_empty(404);
}

#[tokio::test]
async fn a_path_with_a_double_slash_is_nothing() {
    let urls = shared().await;
    for path in [
        "/api/auth//ok",
        "/api/auth/sign-in//email",
        "/api/auth//",
        "/api/auth/./ok",
        "/api/auth/../auth/ok",
    ] {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answers = raw_answers(&urls.gateway_url, &request).await;
        assert_eq!(answers.len(), 1, "{path}");
        expect_nothing(answers[0].clone());
    }
}

#[tokio::test]
async fn of_300_paths_that_nobody_named_none_leads_anywhere() {
    let browser = browser().await;
    let path = || {
        let letters =
            b"abcxyzABC019-_.~/".iter().map(|letter| char::from(*letter)).collect::<Vec<_>>();
        let length = rand::RngExt::random_range(&mut rand::rng(), 1..24);
        let pick =
            || *rand::seq::IndexedRandom::choose(&letters[..], &mut rand::rng()).expect("some");
        let path: String = (0..length).map(|_| pick()).collect();
        format!("/z{}", path.replace("//", "/-").replace("/.", "/-"))
    };
    let asked = stream::iter((0..300).map(|_| path())).map(|path| {
        let mut browser = browser.clone();
        async move { (browser.get(&path).await, path) }
    });
    let answers: Vec<_> = asked.buffer_unordered(32).collect().await;
    for (answer, path) in answers {
        assert_eq!(
            (answer.status, answer.body.as_str()),
            (404, r#"{"error":"Not found"}"#),
            "{path}"
        );
    }
}
