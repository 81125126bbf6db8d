//! Whoever is told that a session is revoked can rely on it: no gateway accepts a request
//! with it that begins afterwards, whatever is cut, frozen or stopped.
//!
//! Some hundred revocations each; `REVOCATIONS=10000` makes it so many, and the
//! histograms are printed.

mod fleet;
mod history;
mod replica;

use std::time::Duration;

use auth_types::Roles;
use contract::session::{RevokeReason, RevokeUser, UserChanged};
use e2e::Opener;
use stack::Process;

use self::{
    fleet::{Fleet, Whose, address_in, beside, for_a_while},
    history::History,
    replica::Replica,
};

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn revocations(usually: usize) -> usize {
    std::env::var("REVOCATIONS").map_or(usually, |count| count.parse().expect("a number"))
}

#[expect(clippy::print_stderr, reason = "the histograms are for whoever runs it")]
fn check(name: &str, history: &History) {
    eprintln!("{}", history.report(name));
    history.expect_evidence(3);
    let late = history.too_late(Duration::ZERO);
    assert!(
        late.is_empty(),
        "{name}: {} accepted after the acknowledgement: {late:#?}",
        late.len()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_wrong() {
    let fleet = Fleet::start(Whose::SecondGateway).await;
    let sessions = fleet.sessions(revocations(400)).await;
    let history = fleet.revoke(&sessions, &[0, 1, 2]).await;
    check("healthy", &history);
}

/// What ends sessions or changes what they show by way of the bus: the next request at
/// any gateway knows it.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_gone_everywhere_when_the_call_answers_and_so_is_a_user() {
    let fleet = Fleet::start(Whose::SecondGateway).await;
    for _ in 0..40 {
        let mut user = Opener::user();
        user.user.role = Roles::admin();
        let session = fleet.opener.open(&user).await;
        for _ in 0..2 {
            assert_eq!(fleet.roles(&session).await, ["admin", "admin", "admin"], "warm");
        }
        user.version = 2;
        user.user.role = Roles::user();
        fleet.opener.ask(&UserChanged { user: user.clone() }).await;
        assert_eq!(fleet.roles(&session).await, ["user", "user", "user"]);
        user.version = 3;
        user.user.banned = true;
        let ban = RevokeUser { user, reason: RevokeReason::Banned, keep: None };
        fleet.opener.ask(&ban).await;
        assert_eq!(fleet.roles(&session).await, ["none", "none", "none"]);
    }
}

/// The second gateway's connection to Redis stays open, and nothing comes through.
#[tokio::test(flavor = "multi_thread")]
async fn the_redis_connection_of_one_gateway_is_frozen() {
    let fleet = Fleet::start(Whose::SecondGateway).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let proxy = &fleet.proxy;
    let freeze = || async {
        for_a_while(Duration::from_millis(700)).await;
        proxy.freeze();
        for_a_while(Duration::from_secs(2)).await;
        proxy.thaw();
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), freeze).await;
    check("one gateway's Redis frozen", &history);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gateway_is_stopped_for_ten_seconds() {
    let fleet = Fleet::start(Whose::SecondGateway).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let stop = || async {
        for_a_while(Duration::from_millis(500)).await;
        fleet.stack.pause(Process::Gateway2);
        for_a_while(Duration::from_secs(10)).await;
        fleet.stack.resume(Process::Gateway2);
    };
    let history = beside(fleet.revoke(&sessions, &[0, 2]), stop).await;
    check("one gateway stopped for 10 s", &history);
}

/// Nobody confirms, so every revocation takes until leases are over.
#[tokio::test(flavor = "multi_thread")]
async fn nats_is_down() {
    let fleet = Fleet::start(Whose::SecondGateway).await;
    let sessions = fleet.sessions(revocations(200)).await;
    fleet.stack.kill(Process::Nats).await;
    let history = fleet.revoke(&sessions, &[0, 1, 2]).await;
    check("NATS down", &history);
}

/// Neither path leads to the second gateway: what it remembers ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn nats_is_frozen_and_so_is_the_redis_connection_of_one_gateway() {
    let fleet = Fleet::start(Whose::SecondGateway).await;
    let sessions = fleet.sessions(revocations(200)).await;
    let proxy = &fleet.proxy;
    let freeze = || async {
        for_a_while(Duration::from_millis(1500)).await;
        fleet.stack.pause(Process::Nats);
        proxy.freeze();
        for_a_while(Duration::from_millis(2500)).await;
        proxy.thaw();
        fleet.stack.resume(Process::Nats);
    };
    let history = beside(fleet.revoke(&sessions, &[0, 2]), freeze).await;
    check("NATS and one gateway's Redis frozen", &history);
}

/// A replica that has not heard of the last revocations becomes the primary. Its copies
/// are from another reign, so nobody believes them.
#[tokio::test(flavor = "multi_thread")]
async fn a_replica_that_is_behind_is_promoted_under_load() {
    let fleet = Fleet::start(Whose::Everybody).await;
    let users = fleet.dir.path().join("redis/users.acl");
    let mut replica = Replica::of(address_in(&fleet.stack.urls().redis_url), &users).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let kept = fleet.sessions(20).await;
    replica.is_up_to_date().await;
    let promoted = tokio::sync::Mutex::new(Some(&mut replica));
    let promote = || async {
        let Some(replica) = promoted.lock().await.take() else {
            return std::future::pending().await;
        };
        for_a_while(Duration::from_millis(400)).await;
        replica.fall_behind();
        for_a_while(Duration::from_millis(600)).await;
        let revoked: Vec<_> = fleet.revoked().iter().map(|number| &sessions[*number]).collect();
        replica.promote().await;
        assert!(replica.still_shows(&revoked).await > 0, "it has missed nothing");
        fleet.proxy.lead_to(replica.address());
        fleet.stack.kill(Process::Redis).await;
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), promote).await;
    check("a replica that is behind is promoted", &history);
    for session in &kept {
        assert!(fleet.is_alive(session).await, "signed out by a failover");
    }
}
