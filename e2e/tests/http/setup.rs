//! StellarStack's own routes, once there is a user and no recovery key.

use e2e::{Browser, PASSWORD, fresh_email, keys, shared};
use rand::RngExt;
use reqwest::Method;
use serde_json::json;

const SETUP: &str = "/api/setup";
const RECOVERY: &str = "/api/admin/reset-password";

/// A browser where somebody has signed up already.
async fn later() -> Browser {
    Browser::new(&shared().await).sign_up().await;
    Browser::new(&shared().await)
}

#[tokio::test]
async fn set_up_is_over_once_there_is_a_user() {
    let mut browser = later().await;
    let body = json!({ "name": "Ann", "email": fresh_email(), "password": PASSWORD });
    for body in [body, json!({}), json!(null), json!([])] {
        browser.post(SETUP, &body).await.expect_error(400, "System is already initialized");
    }
}

#[tokio::test]
async fn that_set_up_is_over_is_told_before_the_body_is_read() {
    let mut browser = later().await;
    for (media_type, body) in
        [("application/json", "{"), ("text/plain", "x"), ("application/json", "")]
    {
        let answer = browser.post_text(SETUP, media_type, body).await;
        answer.expect_error(400, "System is already initialized");
    }
    let mut foreign = browser.on_page_of(Some("https://evil.com"));
    foreign.post(SETUP, &json!({})).await.expect_error(400, "System is already initialized");
}

#[tokio::test]
async fn anybody_may_ask_whether_there_is_an_admin() {
    let mut browser = later().await;
    let answer = browser.get("/api/admin/status").await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let status = answer.json();
    assert_eq!(keys(&status), ["hasAdmin", "initialized", "userCount"]);
    assert_eq!(status["initialized"], true);
    assert!(status["hasAdmin"].is_boolean());
    assert!(status["userCount"].as_u64().is_some_and(|count| count >= 1));
}

#[tokio::test]
async fn recovery_is_off_where_there_is_no_key() {
    let mut browser = later().await;
    // Recovery is limited for each address, here too: come from one of our own.
    let address = format!("2001:db8:{:x}:{:x}::1", random(), random());
    let sentence =
        "Password recovery is disabled. Set ADMIN_RECOVERY_KEY environment variable to enable.";
    let whole = json!({ "email": "ann@example.com", "newPassword": PASSWORD, "recoveryKey": "x" });
    for body in [whole.to_string(), "{}".to_owned(), "{".to_owned()] {
        let request =
            browser.request(Method::POST, RECOVERY).header("content-type", "application/json");
        let request = request.header("x-forwarded-for", &address).body(body);
        browser.send(request).await.expect_error(403, sentence);
    }
}

fn random() -> u16 {
    rand::rng().random()
}
