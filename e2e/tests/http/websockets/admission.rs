//! Who may open a socket, and as whom.

use e2e::{Browser, Handshake, shared, with_role};
use serde_json::json;

use super::{PUBLIC, SESSION, describe, from_page, ping, pong};

#[tokio::test]
async fn a_cookie_names_the_caller_on_a_page_of_ours() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    for path in [PUBLIC, SESSION] {
        let mut socket = from_page(&user.browser, &urls, path).expect_open().await;
        assert_eq!(socket.hear().await, json!({ "type": "auth_success", "userId": user.id }));
        let seen = socket.ask(&describe()).await;
        assert_eq!(seen["headers"]["x-user-id"], json!([user.id]));
        assert_eq!(seen["claims"]["sub"], user.id);
    }
}

/// Browsers send cookies along from any page, and no preflight goes before.
#[tokio::test]
async fn a_foreign_page_gets_no_socket_by_a_cookie() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    let cookie = format!("better-auth.session_token={}", user.browser.session_cookie());
    let suffixed = format!("{}.evil.example", urls.frontend_url);
    for path in [PUBLIC, SESSION] {
        for origin in [Some("https://evil.example"), Some("null"), Some(&*suffixed), None] {
            let handshake = Handshake::new(&urls, path).from_somewhere().header("cookie", &cookie);
            let handshake = match origin {
                Some(origin) => handshake.header("origin", origin),
                None => handshake,
            };
            handshake.expect_refused(403, "Invalid origin").await;
        }
        let twice = from_page(&user.browser, &urls, path).header("origin", "https://evil.example");
        twice.expect_refused(403, "Invalid origin").await;
    }
}

#[tokio::test]
async fn nobody_is_let_in_only_where_everybody_is() {
    let urls = shared().await;
    let mut socket = Handshake::new(&urls, PUBLIC).from_somewhere().expect_open().await;
    assert_eq!(socket.ask(&ping()).await, pong(), "nobody was named before");
    assert_eq!(socket.ask(&describe()).await["claims"], json!(null));
    Handshake::new(&urls, SESSION).from_somewhere().expect_refused(401, "Unauthorized").await;
}

#[tokio::test]
async fn a_caller_cannot_name_itself() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    let forged = |handshake: Handshake| {
        handshake
            .header("x-user-id", "root")
            .header("X_User_Role", "admin")
            .header("x-identity-token", "forged")
            .header("x-gateway-key", "forged")
    };
    let mut socket = forged(Handshake::new(&urls, PUBLIC).from_somewhere()).expect_open().await;
    let seen = socket.ask(&describe()).await["headers"].clone();
    for name in ["x-user-id", "x_user_role", "x-user-role", "x-identity-token", "x-gateway-key"] {
        assert_eq!(seen[name], json!(null), "{name}");
    }
    // What is said of the caller is no business of their `Connection` header.
    let mut handshake = forged(from_page(&user.browser, &urls, SESSION));
    handshake = handshake.header("connection", "x-user-id, x-identity-token");
    let mut socket = handshake.expect_open().await;
    socket.hear().await;
    let seen = socket.ask(&describe()).await;
    assert_eq!(seen["headers"]["x-user-id"], json!([user.id]));
    assert_eq!(seen["headers"]["x-user-role"], json!(["user"]));
    assert_eq!(seen["claims"]["sub"], user.id);
}

#[tokio::test]
async fn a_dead_cookie_names_nobody() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let thief = user.browser.clone();
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    from_page(&thief, &urls, SESSION).expect_refused(401, "Unauthorized").await;
    let mut socket = from_page(&thief, &urls, PUBLIC).expect_open().await;
    assert_eq!(socket.ask(&ping()).await, pong());
}

#[tokio::test]
async fn a_user_has_a_share_of_the_sockets() {
    let urls = shared().await;
    let user = with_role(&urls, "user").await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(from_page(&user.browser, &urls, SESSION).expect_open().await);
    }
    let sentence = "Too many requests. Please try again later.";
    from_page(&user.browser, &urls, SESSION).expect_refused(429, sentence).await;
    let other = Browser::new(&urls).sign_up().await;
    from_page(&other.browser, &urls, SESSION).expect_open().await;
    drop(open.pop());
    let again =
        e2e::eventually(|| async { from_page(&user.browser, &urls, SESSION).open().await.ok() });
    assert!(again.await.is_some(), "a place that was left is free");
}

#[tokio::test]
async fn an_address_has_a_share_of_the_sockets() {
    let urls = shared().await;
    let handshake = |last: u16| {
        Handshake::new(&urls, PUBLIC).header("x-forwarded-for", &format!("2001:db8:77::{last:x}"))
    };
    let mut open = Vec::new();
    for last in 0..256 {
        open.push(handshake(last).expect_open().await);
    }
    let sentence = "Too many requests. Please try again later.";
    handshake(999).expect_refused(429, sentence).await;
}
