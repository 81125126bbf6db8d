//! `GET /api/auth/reset-password/:token`, which the mail leads to

use e2e::{Answer, Browser, shared};
use serde_json::json;

use super::{new_user, reset::link_for};

async fn follow(path: &str) -> Answer {
    Browser::new(&shared().await).get(path).await
}

fn location(answer: &Answer) -> &str {
    answer.header("location").unwrap_or_else(|| panic!("{answer:?}"))
}

#[tokio::test]
async fn a_good_link_leads_to_the_page_with_the_token_and_is_not_spent_by_it() {
    let (user, urls) = (new_user().await, shared().await);
    let redirect = format!("{}/new-password?token=old&a=b#top", urls.frontend_url);
    let link = link_for(&user.email, Some(&redirect)).await;
    // A mail scanner has been here before, more than once.
    for _ in 0..3 {
        let answer = follow(&link.path).await.expect_empty(302);
        let expected = format!("{}/new-password?a=b&token={}#top", urls.frontend_url, link.token);
        assert_eq!(location(&answer), expected);
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-store"));
    }
    let mut browser = Browser::new(&urls);
    let head = browser.request(reqwest::Method::HEAD, &link.path);
    browser.send(head).await.expect(404);
    let body = json!({ "newPassword": super::NEW_PASSWORD, "token": link.token });
    browser.post("/api/auth/reset-password", &body).await.expect(200);
    let answer = follow(&link.path).await.expect(302);
    assert_eq!(
        location(&answer),
        format!("{}/new-password?token=old&a=b&error=INVALID_TOKEN#top", urls.frontend_url)
    );
}

#[tokio::test]
async fn a_bad_link_leads_to_the_page_with_an_error() {
    let urls = shared().await;
    // The second is no text, once decoded.
    for token in ["nonsense", "%FF"] {
        let path = format!("/api/auth/reset-password/{token}?callbackURL=%2Fnew");
        let answer = follow(&path).await.expect(302);
        assert_eq!(location(&answer), format!("{}/new?error=INVALID_TOKEN", urls.gateway_url));
    }
    let answer = follow("/api/auth/reset-password/nonsense?callbackURL=").await.expect(302);
    assert_eq!(
        location(&answer),
        format!("{}/api/auth/error?error=INVALID_TOKEN", urls.gateway_url)
    );
}

#[tokio::test]
async fn a_link_leads_to_no_strangers_page() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    for callback in [
        "https://evil.example",
        "%2F%2Fevil.example",
        "%2F..%2F%2Fevil.example",
        "%2F%5Cevil.example",
        "%09%2Fx",
        "javascript:alert(1)",
        "data:text%2Fhtml,x",
        "%2F%252e%252e%2F%2Fevil.example",
        "x",
        "http%3A%2F%2Flocalhost%3A6300%40evil.example",
        "%2Fa%0D%0ASet-Cookie:%20x=y",
    ] {
        let path = format!("/api/auth/reset-password/{}?callbackURL={callback}", link.token);
        let answer = follow(&path).await.expect_code(403, "INVALID_CALLBACK_URL");
        assert_eq!(answer.header("location"), None);
    }
}

#[tokio::test]
async fn a_callback_must_be_there_and_once() {
    let answer = follow("/api/auth/reset-password/t").await.expect_code(400, "VALIDATION_ERROR");
    assert_eq!(
        answer.json()["message"],
        "[query.callbackURL] Invalid input: expected string, received undefined"
    );
    let twice = "/api/auth/reset-password/t?callbackURL=%2Fa&callbackURL=%2Fb";
    let answer = follow(twice).await.expect_code(400, "VALIDATION_ERROR");
    assert_eq!(
        answer.json()["message"],
        "[query.callbackURL] Invalid input: expected string, received array"
    );
}
