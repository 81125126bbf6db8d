//! Requests that cannot be right.

mod bodies;
mod order;
mod routes;

use e2e::{Answer, Browser, shared};
use serde_json::json;

const JSON: &str = "application/json";
const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_UP: &str = "/api/auth/sign-up/email";
const REVOKE: &str = "/api/auth/revoke-session";
const SIGN_OUT: &str = "/api/auth/sign-out";

/// Every route that is posted to, with the media types it takes.
const POSTS: [(&str, &str); 6] = [
    (SIGN_UP, "application/x-www-form-urlencoded, application/json"),
    (SIGN_IN, "application/x-www-form-urlencoded, application/json"),
    (SIGN_OUT, JSON),
    (REVOKE, JSON),
    ("/api/auth/revoke-sessions", JSON),
    ("/api/auth/revoke-other-sessions", JSON),
];

async fn browser() -> Browser {
    Browser::new(&shared().await)
}

#[track_caller]
fn expect_refusal(answer: Answer, status: u16, code: &str, message: &str) {
    let answer = answer.expect(status);
    assert_eq!(answer.json(), json!({ "message": message, "code": code }), "{answer:?}");
    assert_eq!(answer.header("content-type"), Some(JSON));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
}

#[track_caller]
fn expect_broken_json(answer: Answer) {
    expect_refusal(answer, 400, "BAD_REQUEST", "Invalid JSON in request body");
}

/// No such route: nothing at all.
#[track_caller]
fn expect_nothing(answer: Answer) {
    let answer = answer.expect_empty(404);
    assert_eq!(answer.header("content-type"), None, "{answer:?}");
}
