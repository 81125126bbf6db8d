//! Sockets, when what knows of their sessions is away.

use std::time::Duration;

use e2e::{Browser, Handshake, Socket, eventually, own_stack, text, tick};
use serde_json::json;
use stack::{Process, Stack};
use tokio::time::Instant;

use crate::leases::revoke_all;

async fn opened(stack: &Stack, browser: &Browser) -> Socket {
    let cookie = format!("better-auth.session_token={}", browser.session_cookie());
    let handshake = Handshake::new(stack.urls(), "/api/ws-session");
    let handshake = handshake.header("cookie", &cookie);
    let mut socket = handshake.header("origin", &stack.urls().frontend_url).expect_open().await;
    assert_eq!(socket.hear().await["type"], "auth_success");
    socket
}

/// The connection to Redis stays open, but nothing comes; Postgres knows.
#[tokio::test]
async fn with_redis_frozen_sockets_end_with_their_session_and_others_stay() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut leaving = Browser::new(stack.urls()).sign_up().await;
    let staying = Browser::new(stack.urls()).sign_up().await;
    let mut ends = opened(&stack, &leaving.browser).await;
    let mut stays = opened(&stack, &staying.browser).await;
    stack.pause(Process::Redis);
    let answer = leaving.browser.post("/api/auth/sign-out", &json!({})).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    assert_eq!(ends.closed().await.0, 1008);
    assert_eq!(stays.ask(&json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    stack.resume(Process::Redis);
}

/// Nobody knows of any session: sockets close, and are to come again.
#[tokio::test]
async fn when_nobody_knows_sockets_close_and_are_told_to_come_again() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let mut socket = opened(&stack, &user.browser).await;
    let mut nobodys = Handshake::new(stack.urls(), "/api/ws").expect_open().await;
    stack.pause(Process::Redis);
    stack.pause(Process::Session);
    assert_eq!(socket.closed().await.0, 1013);
    assert_eq!(nobodys.ask(&json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    stack.resume(Process::Session);
    stack.resume(Process::Redis);
    let again = eventually(|| async {
        let mut browser = user.browser.clone();
        browser.is_signed_in().await.then_some(())
    });
    again.await.expect("the session was not lost");
    opened(&stack, &user.browser).await;
}

/// A process that was stopped and goes on carries nothing for a session that has ended.
#[tokio::test]
async fn a_gateway_that_was_stopped_carries_nothing_for_a_dead_session() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let session = user.browser.session().await;
    let mut socket = opened(&stack, &user.browser).await;
    stack.pause(Process::Gateway);
    revoke_all(&stack, serde_json::from_value(session["user"].clone()).expect("a user")).await;
    let (stopped_at, mut tick) = (Instant::now(), tick());
    while stopped_at.elapsed() < Duration::from_secs(2) {
        socket.say(&json!({ "type": "ping" })).await;
        tick.tick().await;
    }
    stack.resume(Process::Gateway);
    assert_eq!(socket.closed().await.0, 1008);
}

/// A token that was used cannot be used again because Redis forgot that it was.
#[tokio::test]
async fn a_token_is_worth_nothing_under_another_redis_or_none() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let token = async |user: &mut e2e::User| {
        text(&user.browser.get("/api/ws/token").await.expect(200).json()["token"]).to_owned()
    };
    let with =
        |token: &str| Handshake::new(stack.urls(), &format!("/api/ws-session?token={token}"));
    let (spent, kept) = (token(&mut user).await, token(&mut user).await);
    with(&spent).expect_open().await;
    stack.kill(Process::Redis).await;
    let sentence = "Service temporarily unavailable. Please try again shortly.";
    let away = eventually(|| async {
        let refused = with(&kept).open().await.err()?;
        (refused.0 == 503).then_some(refused.1)
    });
    assert!(away.await.expect("an outage is said").contains(sentence));
    // The gateway may notice a moment later that nobody is there to remember a token.
    let mut pace = e2e::tick();
    while !user.browser.get("/api/ws/token").await.is_clean_outage() {
        pace.tick().await;
    }
    stack.launch(Process::Redis).await;
    stack.wait_ready().await.expect("Redis is back");
    for token in [spent, kept] {
        with(&token).expect_refused(401, "Unauthorized").await;
    }
    let anew = token(&mut user).await;
    with(&anew).expect_open().await;
}

/// Whoever does not even answer a ping is gone.
#[tokio::test]
async fn a_silent_client_is_let_go_and_one_that_answers_pings_is_not() {
    use tokio::{io::AsyncWriteExt, net::TcpStream};

    let (stack, _dir) = own_stack(&[("WS_PING_SECS", "2")]).await;
    let mut alive = Handshake::new(stack.urls(), "/api/ws").expect_open().await;
    let mut silent = TcpStream::connect(stack.urls().gateway_url.trim_start_matches("http://"))
        .await
        .expect("a connection");
    let handshake = "GET /api/ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    silent.write_all(handshake.as_bytes()).await.expect("sent");
    let answering = tokio::spawn(async move {
        // Reading is what answers pings.
        let heard = tokio::time::timeout(Duration::from_secs(6), alive.closed()).await;
        assert!(heard.is_err(), "closed: {heard:?}");
        assert_eq!(alive.ask(&json!({ "type": "ping" })).await, json!({ "type": "pong" }));
    });
    let metrics = format!("{}/metrics", stack.urls().admin[&Process::Gateway]);
    let gone = eventually(|| async {
        let page = reqwest::get(&metrics).await.ok()?.text().await.ok()?;
        page.contains(r#"websockets_closed_total{reason="silence"} 1"#).then_some(())
    });
    gone.await.expect("the silent one is let go");
    answering.await.expect("the other one stays");
}
