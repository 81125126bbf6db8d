//! The order in which a request is judged.

use serde_json::{Value, json};

use super::{JSON, POSTS, REVOKE, browser, expect_broken_json, expect_nothing};

#[tokio::test]
async fn a_missing_route_is_told_before_anything_else() {
    let foreign = browser().await.on_page_of(Some("https://evil.com"));
    expect_nothing(foreign.clone().post_text("/api/auth/nowhere", "text/plain", "{").await);
}

#[tokio::test]
async fn the_media_type_is_told_before_the_json_and_the_origin() {
    let mut foreign = browser().await.on_page_of(Some("https://evil.com"));
    for (path, _) in POSTS {
        foreign.post_text(path, "text/plain", "{").await.expect_code(415, "UNSUPPORTED_MEDIA_TYPE");
    }
}

#[tokio::test]
async fn broken_json_is_told_before_the_origin() {
    let mut foreign = browser().await.on_page_of(Some("https://evil.com"));
    for (path, _) in POSTS {
        expect_broken_json(foreign.post_text(path, JSON, "{").await);
    }
}

#[tokio::test]
async fn the_origin_is_told_before_the_fields_and_the_session() {
    let mut foreign = browser().await.on_page_of(Some("https://evil.com"));
    for (path, _) in POSTS {
        foreign.post(path, &json!({})).await.expect_code(403, "INVALID_ORIGIN");
        foreign.post(path, &Value::Null).await.expect_code(403, "INVALID_ORIGIN");
    }
}

#[tokio::test]
async fn callbacks_are_told_after_the_origin_and_before_the_fields() {
    let (mut browser, mut foreign) =
        (browser().await, browser().await.on_page_of(Some("https://evil.com")));
    for (path, _) in POSTS {
        let body = json!({ "callbackURL": "//evil.com" });
        foreign.post(path, &body).await.expect_code(403, "INVALID_ORIGIN");
        browser.post(path, &body).await.expect_code(403, "INVALID_CALLBACK_URL");
    }
}

#[tokio::test]
async fn the_fields_are_told_before_the_session() {
    let mut browser = browser().await;
    browser.post(REVOKE, &json!({})).await.expect_code(400, "VALIDATION_ERROR");
    browser.post(REVOKE, &json!({ "token": "x" })).await.expect_code(401, "UNAUTHORIZED");
}
