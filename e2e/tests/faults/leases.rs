//! What the gateway remembers is a lease: cut off, it ends by itself.

use contract::{
    Answer, Call,
    session::{RevokeReason, RevokeUser},
    user::{User, UserSnapshot},
};
use e2e::{Browser, eventually, own_stack, tick};
use serde_json::json;
use stack::{Process, Stack};
use tokio::time::Instant;

/// Ends a user's sessions behind the gateway's back.
pub(crate) async fn revoke_all(stack: &Stack, user: User) {
    let nats = e2e::nats(&stack.urls().nats_url).await;
    let user = UserSnapshot { version: 2, user };
    let call = RevokeUser { user, reason: RevokeReason::PasswordReset, keep: None };
    let payload = serde_json::to_vec(&call).expect("a message");
    let reply = nats.request(RevokeUser::SUBJECT, payload.into()).await.expect("an answer");
    let answer: Answer<()> = serde_json::from_slice(&reply.payload).expect("an answer");
    assert_eq!(answer, Answer::Done(()));
}

/// A process that was stopped and goes on thinks no time has passed; the clock it
/// measures leases by knows better.
#[tokio::test]
async fn a_gateway_that_was_stopped_believes_nothing_it_remembers() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let session = user.browser.session().await;
    assert!(user.browser.is_signed_in().await, "warm");
    stack.pause(Process::Gateway);
    revoke_all(&stack, serde_json::from_value(session["user"].clone()).expect("a user")).await;
    let stopped_at = Instant::now();
    let mut tick = tick();
    while stopped_at.elapsed() < gateway_lease() {
        tick.tick().await;
    }
    stack.resume(Process::Gateway);
    user.browser.get("/api/servers").await.expect(401);
}

fn gateway_lease() -> std::time::Duration {
    std::time::Duration::from_millis(700)
}

/// The connection to Redis stays open, but nothing comes. Postgres knows that the
/// session has ended; the gateway asks there once its lease is over.
#[tokio::test]
async fn with_redis_frozen_a_revoked_session_dies_all_the_same() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    assert!(user.browser.is_signed_in().await, "warm");
    stack.pause(Process::Redis);
    let answer = user.browser.clone().post("/api/auth/sign-out", &json!({})).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    let cookie = user.browser.clone();
    let dead = eventually(|| async { (!cookie.clone().is_signed_in().await).then_some(()) });
    dead.await.expect("the lease ends");
    stack.resume(Process::Redis);
}

/// Redis tells the gateway; nothing has to run out first.
#[tokio::test]
async fn a_warm_session_dies_with_its_revocation() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    for _ in 0..20 {
        let mut browser = Browser::new(stack.urls());
        browser.sign_in(&user.email, e2e::PASSWORD).await.expect(200);
        assert!(browser.is_signed_in().await && browser.is_signed_in().await, "warm");
        let thief = browser.clone();
        browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
        let dead = eventually(|| {
            let mut thief = thief.clone();
            async move { (thief.get("/api/servers").await.status == 401).then_some(()) }
        });
        dead.await.expect("the copy in memory is dropped");
    }
}
