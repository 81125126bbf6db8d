//! Sockets end with the session that they were opened in.

use std::time::Duration;

use e2e::{Browser, Handshake, PASSWORD, Socket, Stores, admin, shared};
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::json;

use super::{PUBLIC, SESSION, from_page, ping, pong, ws_token};

const ENDED: (u16, &str) = (1008, "the session has ended");

async fn opened(browser: &Browser, urls: &stack::Urls) -> Socket {
    let mut socket = from_page(browser, urls, SESSION).expect_open().await;
    assert_eq!(socket.hear().await["type"], "auth_success");
    socket
}

async fn expect_ended(mut socket: Socket) {
    let (code, reason) = socket.closed().await;
    assert_eq!((code, &*reason), ENDED);
}

#[tokio::test]
async fn signing_out_closes_the_sockets_of_this_session_and_no_others() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let mut elsewhere = Browser::new(&urls);
    elsewhere.sign_in(&user.email, PASSWORD).await.expect(200);
    let by_cookie = opened(&user.browser, &urls).await;
    let token = ws_token(&mut user.browser).await;
    let by_token = Handshake::new(&urls, &format!("{PUBLIC}?token={token}")).from_somewhere();
    let by_token = by_token.expect_open().await;
    let mut other = opened(&elsewhere, &urls).await;
    let mut nobodys = Handshake::new(&urls, PUBLIC).from_somewhere().expect_open().await;

    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    expect_ended(by_cookie).await;
    expect_ended(by_token).await;
    assert_eq!(other.ask(&ping()).await, pong());
    assert_eq!(nobodys.ask(&ping()).await, pong());
}

#[tokio::test]
async fn a_ban_and_a_removal_close_all_sockets_of_the_user() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    for route in ["ban-user", "remove-user", "revoke-user-sessions"] {
        let user = Browser::new(&urls).sign_up().await;
        let sockets = [opened(&user.browser, &urls).await, opened(&user.browser, &urls).await];
        admin.asks_about(route, &user.id).await.expect(200);
        for socket in sockets {
            expect_ended(socket).await;
        }
    }
}

/// The upstream was told of the old role. The client is to come again, and is told of
/// with the new one.
#[tokio::test]
async fn a_changed_role_closes_the_sockets_so_that_they_come_again() {
    let urls = shared().await;
    let (mut admin, user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let mut socket = opened(&user.browser, &urls).await;
    let role = json!({ "userId": user.id, "role": "subuser" });
    admin.asks_admin("set-role", role).await.expect(200);
    assert_eq!(socket.closed().await, (1012, "the user has changed".to_owned()));
    let mut again = opened(&user.browser, &urls).await;
    assert_eq!(again.ask(&super::describe()).await["claims"]["role"], "subuser");
}

#[tokio::test]
async fn a_new_name_closes_nothing() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let mut socket = opened(&user.browser, &urls).await;
    user.browser.post("/api/auth/update-user", &json!({ "name": "Ada" })).await.expect(200);
    assert_eq!(socket.ask(&ping()).await, pong());
}

/// Nobody revokes it; its time is over.
#[tokio::test]
async fn a_session_that_is_over_closes_its_sockets() {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    let socket = opened(&user.browser, &urls).await;
    // A week but for two seconds.
    let age = Duration::from_secs(7 * 24 * 3600 - 2);
    Stores::open(&urls).await.age_session(&user.token, age).await;
    expect_ended(socket).await;
}

/// Hundreds of sockets of many users, opened and revoked at the same time: none that
/// was opened in a revoked session stays, however the two fell together.
#[tokio::test]
async fn no_socket_outlives_its_session_in_a_race() {
    let urls = shared().await;
    let signing_up = stream::iter(0..10).map(|_| Browser::new(&urls).sign_up());
    let users: Vec<_> = signing_up.buffer_unordered(2).collect().await;
    let races = users.into_iter().map(async |mut user| {
        let handshakes = (0..40).map(|_| from_page(&user.browser, &urls, SESSION).open());
        let out = async {
            e2e::tick().tick().await;
            let mut browser = user.browser.clone();
            browser.post_patiently("/api/auth/sign-out", &json!({})).await.expect(200);
        };
        let (opened, ()) = tokio::join!(join_all(handshakes), out);
        let (opened, refused): (Vec<_>, Vec<_>) = opened.into_iter().partition(Result::is_ok);
        for refused in refused.into_iter().filter_map(Result::err) {
            assert_eq!(refused.0, 401, "{refused:?}");
        }
        let opened = opened.into_iter().filter_map(Result::ok);
        let count = join_all(opened.map(expect_ended)).await.len();
        assert!(!user.browser.is_signed_in().await);
        count
    });
    let ended: usize = join_all(races).await.into_iter().sum();
    assert!(ended > 0, "some were opened before the end");
}

#[tokio::test]
async fn four_hundred_sockets_of_one_hundred_sessions_end_with_theirs() {
    let urls = shared().await;
    // A few at a time: their passwords are hashed, and that has a queue.
    let signing_up = stream::iter(0..100).map(|_| Browser::new(&urls).sign_up());
    let users: Vec<_> = signing_up.buffer_unordered(2).collect().await;
    let ends = users.into_iter().enumerate().map(async |(turn, mut user)| {
        let mut sockets = Vec::new();
        for _ in 0..4 {
            sockets.push(opened(&user.browser, &urls).await);
        }
        if turn % 2 == 0 {
            user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
            join_all(sockets.into_iter().map(expect_ended)).await;
        } else {
            for socket in &mut sockets {
                assert_eq!(socket.ask(&ping()).await, pong(), "others are none of its business");
            }
        }
    });
    join_all(ends).await;
}
