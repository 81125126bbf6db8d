//! Redis is fast, never true: it may forget, lie or be away.

use std::path::PathBuf;

use e2e::{Browser, User, eventually, own_stack};
use redis::aio::MultiplexedConnection;
use serde_json::json;
use stack::{Process, Stack};

async fn redis(stack: &Stack) -> MultiplexedConnection {
    let client = redis::Client::open(stack.urls().redis_url.as_str()).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("Redis listens")
}

async fn command(stack: &Stack, words: &[&str]) {
    let (name, arguments) = words.split_first().expect("a command");
    let mut connection = redis(stack).await;
    redis::cmd(name).arg(arguments).query_async::<()>(&mut connection).await.expect("Redis obeys");
}

/// Waits until the gateway talks to the Redis that is there now.
async fn gateway_is_back(stack: &Stack) {
    stack.wait_ready().await.expect("everything is ready again");
}

#[tokio::test]
async fn who_is_signed_in_stays_so_when_redis_is_wiped() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    command(&stack, &["FLUSHALL"]).await;
    assert!(user.browser.is_signed_in().await);
    // And the copy is back, so that the next look does not go to Postgres.
    let mut connection = redis(&stack).await;
    let keys: i64 = redis::cmd("DBSIZE").query_async(&mut connection).await.expect("a number");
    assert_eq!(keys, 1);
}

#[tokio::test]
async fn who_is_signed_in_stays_so_when_redis_dies_and_comes_back_empty() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    stack.kill(Process::Redis).await;
    assert!(user.browser.is_signed_in().await, "without Redis, session-svc knows");
    user.browser.get("/api/servers").await.expect(200);
    stack.launch(Process::Redis).await;
    gateway_is_back(&stack).await;
    assert!(user.browser.is_signed_in().await);
}

/// A snapshot from before a revocation still holds the session. It was written
/// under another Redis process, so it is not believed.
#[tokio::test]
async fn what_was_revoked_stays_so_when_redis_comes_back_from_an_older_snapshot() {
    let (stack, dir) = own_stack(&[]).await;
    let mut revoked: Vec<User> = Vec::new();
    for _ in 0..10 {
        revoked.push(Browser::new(stack.urls()).sign_up().await);
    }
    let mut kept = Browser::new(stack.urls()).sign_up().await;
    command(&stack, &["SAVE"]).await;
    let snapshot: PathBuf = dir.path().join("redis/dump.rdb");
    let before = std::fs::read(&snapshot).expect("the snapshot was written");
    for user in &mut revoked {
        let mut other = user.browser.clone();
        other.post("/api/auth/sign-out", &json!({})).await.expect(200);
        assert!(!user.browser.clone().is_signed_in().await);
    }

    stack.kill(Process::Redis).await;
    std::fs::write(&snapshot, before).expect("the snapshot is put back");
    // The gateway remembers dead tokens for a while; a new one knows nothing.
    stack.stop(Process::Gateway).await;
    stack.launch(Process::Redis).await;
    stack.launch(Process::Gateway).await;
    gateway_is_back(&stack).await;

    let mut connection = redis(&stack).await;
    let keys: i64 = redis::cmd("DBSIZE").query_async(&mut connection).await.expect("a number");
    assert!(keys >= 11, "the snapshot was not loaded");
    for user in &mut revoked {
        assert!(!user.browser.is_signed_in().await, "a revoked session came back");
        user.browser.get("/api/servers").await.expect(401);
    }
    assert!(kept.browser.is_signed_in().await);
}

/// Postgres has ended the session, but Redis may still hold it: that is not done,
/// so the caller is not told that it is. It is done once Redis is back.
#[tokio::test]
async fn a_revocation_that_redis_has_not_heard_of_is_not_acknowledged() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    stack.pause(Process::Redis);
    let answer = user.browser.clone().post("/api/auth/sign-out", &json!({})).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    stack.resume(Process::Redis);
    gateway_is_back(&stack).await;
    let cookie = user.browser.clone();
    let dead = eventually(|| async { (!cookie.clone().is_signed_in().await).then_some(()) });
    dead.await.expect("the revocation is carried out");
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
}

/// No order of a lookup that misses and a revocation leaves a session alive.
#[tokio::test]
async fn a_lookup_that_races_a_revocation_does_not_bring_the_session_back() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let mut connection = redis(&stack).await;
    for _ in 0..60 {
        let mut browser = Browser::new(stack.urls());
        browser.sign_in(&user.email, e2e::PASSWORD).await.expect(200);
        redis::cmd("FLUSHALL").query_async::<()>(&mut connection).await.expect("Redis obeys");
        let look = || {
            let mut browser = browser.clone();
            async move { browser.is_signed_in().await }
        };
        let revoke = || {
            let mut browser = browser.clone();
            async move { browser.post("/api/auth/sign-out", &json!({})).await.expect(200) }
        };
        tokio::join!(look(), look(), revoke(), look(), look());
        assert!(!look().await, "the session is alive after its revocation was acknowledged");
    }
}

/// The two stores of a session away at once: an outage, no guess and no cleared cookie.
#[tokio::test]
async fn without_redis_and_session_svc_nobody_guesses() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    stack.kill(Process::Redis).await;
    stack.kill(Process::Session).await;
    for path in ["/api/auth/get-session", "/api/servers", "/api/ws/token"] {
        let answer = user.browser.get(path).await;
        assert!(answer.is_clean_outage(), "{path}: {answer:?}");
    }
    let answer = user.browser.post("/api/auth/sign-out", &json!({})).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    stack.launch(Process::Session).await;
    stack.launch(Process::Redis).await;
    gateway_is_back(&stack).await;
    assert!(user.browser.is_signed_in().await);
}
