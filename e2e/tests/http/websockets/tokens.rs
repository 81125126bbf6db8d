//! Tokens of `GET /api/ws/token`, shown to the gateway.

use e2e::{Browser, Handshake, Stores, admin, shared};
use futures_util::future::join_all;
use serde_json::json;

use super::{PUBLIC, SESSION, describe, ws_token};

fn in_query(urls: &stack::Urls, token: &str) -> Handshake {
    Handshake::new(urls, &format!("{SESSION}?before=1&token={token}&after=2")).from_somewhere()
}

fn in_protocols(urls: &stack::Urls, token: &str) -> Handshake {
    let protocols = format!("bearer, {token}");
    Handshake::new(urls, SESSION).from_somewhere().header("sec-websocket-protocol", &protocols)
}

#[tokio::test]
async fn a_token_in_the_query_names_the_caller_and_goes_no_further() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let token = ws_token(&mut user.browser).await;
    let mut socket = in_query(&urls, &token).expect_open().await;
    assert_eq!(socket.hear().await, json!({ "type": "auth_success", "userId": user.id }));
    let seen = socket.ask(&describe()).await;
    assert_eq!(seen["query"], "before=1&after=2");
    assert!(!seen.to_string().contains(&token));
}

#[tokio::test]
async fn a_token_among_the_subprotocols_names_the_caller_and_goes_no_further() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let token = ws_token(&mut user.browser).await;
    let mut socket = in_protocols(&urls, &token).expect_open().await;
    assert_eq!(socket.response.headers()["sec-websocket-protocol"], "bearer");
    assert_eq!(socket.hear().await["userId"], user.id);
    let seen = socket.ask(&describe()).await;
    assert_eq!(seen["headers"]["sec-websocket-protocol"], json!(null));
    assert!(!seen.to_string().contains(&token));
}

/// Also by two ways at once, and by many at once.
#[tokio::test]
async fn a_token_opens_one_socket() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    for _ in 0..5 {
        let token = ws_token(&mut user.browser).await;
        let handshakes = (0..20).map(|turn| {
            let handshake = if turn % 2 == 0 { in_query } else { in_protocols };
            handshake(&urls, &token).open()
        });
        let opened = join_all(handshakes).await;
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
        for refused in opened.into_iter().filter_map(Result::err) {
            assert_eq!(refused, (401, r#"{"error":"Unauthorized"}"#.to_owned()));
        }
        in_query(&urls, &token).expect_refused(401, "Unauthorized").await;
    }
}

/// A bad token is refused, whatever cookie comes along with it and wherever it is.
#[tokio::test]
async fn a_token_that_is_none_opens_nothing() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let good = ws_token(&mut user.browser).await;
    let (body, signature) = good.rsplit_once('.').expect("a signature");
    let reversed: String = signature.chars().rev().collect();
    let mut seen = super::from_page(&user.browser, &urls, SESSION).expect_open().await;
    seen.hear().await;
    let assertion = seen.ask(&describe()).await["headers"]["x-identity-token"][0].clone();
    let session_token = user.token.clone();
    for token in [
        "",
        "x",
        &format!("{body}.{reversed}"),
        e2e::text(&assertion),
        &session_token,
        // {"alg":"none"}
        &format!("eyJhbGciOiJub25lIn0.{}.", body.split('.').nth(1).expect("claims")),
    ] {
        for path in [PUBLIC, SESSION] {
            let handshake =
                Handshake::new(&urls, &format!("{path}?token={token}")).from_somewhere();
            let cookie = format!("better-auth.session_token={}", user.browser.session_cookie());
            let handshake =
                handshake.header("cookie", &cookie).header("origin", &urls.frontend_url);
            handshake.expect_refused(401, "Unauthorized").await;
        }
    }
    in_query(&urls, &good).expect_open().await;
}

#[tokio::test]
async fn two_tokens_are_one_too_many() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let (one, other) = (ws_token(&mut user.browser).await, ws_token(&mut user.browser).await);
    let both = in_query(&urls, &one).header("sec-websocket-protocol", &format!("bearer, {other}"));
    both.expect_refused(400, "Bad request").await;
    let path = format!("{SESSION}?token={one}&token={other}");
    Handshake::new(&urls, &path).from_somewhere().expect_refused(400, "Bad request").await;
}

/// A token is bound to the session that it was made in.
#[tokio::test]
async fn a_token_dies_with_its_session() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let token = ws_token(&mut user.browser).await;
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    in_query(&urls, &token).expect_refused(401, "Unauthorized").await;

    let (mut admin, mut banned) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let token = ws_token(&mut banned.browser).await;
    admin.asks_about("ban-user", &banned.id).await.expect(200);
    in_query(&urls, &token).expect_refused(401, "Unauthorized").await;

    let mut old = Browser::new(&urls).sign_up().await;
    let token = ws_token(&mut old.browser).await;
    let week = std::time::Duration::from_hours(24 * 7);
    Stores::open(&urls).await.age_session(&old.token, week).await;
    in_query(&urls, &token).expect_refused(401, "Unauthorized").await;
}

/// Names by which a token could be kept in a log or a history are not repeated.
#[tokio::test]
async fn a_used_token_is_remembered_by_its_id_and_not_for_long() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let token = ws_token(&mut user.browser).await;
    let id =
        crate::jwt::claims(&token, &crate::jwt::published_keys(&user.browser).await, "ws")["jti"]
            .clone();
    in_query(&urls, &token).expect_open().await;
    let mut stores = Stores::open(&urls).await;
    let key = format!("wst:1:{}", e2e::text(&id));
    let left: i64 =
        redis::cmd("PTTL").arg(key).query_async(&mut stores.redis).await.expect("Redis");
    assert!((60_000..=120_000).contains(&left), "{left}");
}
