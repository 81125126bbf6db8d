//! StellarStack's protocol (contract 16), spoken by the panel.

use e2e::{Browser, Handshake, shared};
use serde_json::json;

use super::{PUBLIC, from_page, ping, pong, ws_token};

fn subscribe() -> serde_json::Value {
    json!({ "type": "subscribe", "serverId": "srv-1" })
}

#[tokio::test]
async fn with_a_cookie_the_first_word_is_a_welcome() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    let mut socket = from_page(&user.browser, &urls, PUBLIC).expect_open().await;
    assert_eq!(socket.hear().await, json!({ "type": "auth_success", "userId": user.id }));
    assert_eq!(
        socket.ask(&subscribe()).await,
        json!({ "type": "subscribed", "serverId": "srv-1" })
    );
    let unsubscribe = json!({ "type": "unsubscribe", "serverId": "srv-1" });
    assert_eq!(
        socket.ask(&unsubscribe).await,
        json!({ "type": "unsubscribed", "serverId": "srv-1" })
    );
    assert_eq!(socket.ask(&ping()).await, pong());
}

#[tokio::test]
async fn without_one_a_token_may_be_shown_in_band() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let mut socket = Handshake::new(&urls, PUBLIC).from_somewhere().expect_open().await;
    let refused = json!({ "type": "error", "error": "Authentication required to subscribe" });
    assert_eq!(socket.ask(&subscribe()).await, refused);
    for bad in ["", "x", &user.token] {
        let answer = socket.ask(&json!({ "type": "auth", "token": bad })).await;
        assert_eq!(answer, json!({ "type": "auth_error", "error": "Invalid or expired session" }));
    }
    let token = ws_token(&mut user.browser).await;
    let answer = socket.ask(&json!({ "type": "auth", "token": token })).await;
    assert_eq!(answer, json!({ "type": "auth_success", "userId": user.id }));
    assert_eq!(socket.ask(&subscribe()).await["type"], "subscribed");
}

#[tokio::test]
async fn rubbish_is_answered_and_ends_nothing() {
    let urls = shared().await;
    let mut socket = Handshake::new(&urls, PUBLIC).from_somewhere().expect_open().await;
    for rubbish in [json!({}), json!(5), json!({ "type": "shell" }), json!({ "type": "subscribe" })]
    {
        assert_eq!(socket.ask(&rubbish).await["type"], "error", "{rubbish}");
    }
    assert_eq!(socket.ask(&ping()).await, pong());
}
