//! `GET /api/ws/token`

use std::collections::HashSet;

use e2e::{Browser, keys, shared, text};
use serde_json::json;

use crate::jwt::{claims, published_keys, verified};

const PATH: &str = "/api/ws/token";

#[tokio::test]
async fn a_ticket_names_the_user_and_the_session_for_a_minute() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let session = user.browser.session().await["session"].clone();
    let answer = user.browser.get(PATH).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let body = answer.json();
    assert_eq!(keys(&body), ["token", "userId"]);
    assert_eq!(body["userId"], user.id);

    let published = published_keys(&user.browser).await;
    let claims = claims(text(&body["token"]), &published, "ws");
    assert_eq!(
        keys(&claims),
        ["aud", "exp", "iat", "iss", "jti", "remembered_by", "session_digest", "sid", "sub"]
    );
    assert_eq!(claims["iss"], urls.gateway_url);
    assert_eq!(claims["aud"], "ws");
    assert_eq!(claims["sub"], user.id);
    assert_eq!(claims["sid"], session["id"]);
    let (iat, exp) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    assert_eq!(exp.expect("a number") - iat.expect("a number"), 60);
    assert!(text(&claims["jti"]).len() >= 22);
}

#[tokio::test]
async fn no_two_tickets_are_alike() {
    let mut user = Browser::new(&shared().await).sign_up().await;
    let published = published_keys(&user.browser).await;
    let mut ids = HashSet::new();
    for _ in 0..20 {
        let body = user.browser.get(PATH).await.expect(200).json();
        let claims = claims(text(&body["token"]), &published, "ws");
        ids.insert(text(&claims["jti"]).to_owned());
    }
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn a_ticket_is_good_for_nothing_else() {
    let mut user = Browser::new(&shared().await).sign_up().await;
    let body = user.browser.get(PATH).await.expect(200).json();
    let ticket = text(&body["token"]);
    assert_ne!(ticket, user.token);
    for key in published_keys(&user.browser).await.keys {
        assert_eq!(verified(ticket, &key, "panel"), None);
    }
    let mut thief = Browser::new(&shared().await);
    thief.cookies.insert("better-auth.session_token".to_owned(), ticket.to_owned());
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn nobody_gets_no_ticket() {
    let mut browser = Browser::new(&shared().await);
    browser.get(PATH).await.expect_error(401, "Not authenticated");

    let mut user = Browser::new(&shared().await).sign_up().await;
    browser.cookies = user.browser.cookies.clone();
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    browser.get(PATH).await.expect_error(401, "Not authenticated");
}
