//! Whoever is told that a session is revoked can rely on it: no gateway accepts a request
//! with it that begins afterwards, whatever is cut, frozen or stopped.
//!
//! Some hundred revocations each; `REVOCATIONS=10000` makes it so many, and the
//! histograms are printed.

mod fleet;
mod history;

use std::time::Duration;

use stack::Process;

use self::{
    fleet::{Fleet, beside, for_a_while},
    history::History,
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
    let fleet = Fleet::start().await;
    let sessions = fleet.sessions(revocations(400)).await;
    let history = fleet.revoke(&sessions, &[0, 1, 2]).await;
    check("healthy", &history);
}

/// The second gateway's connection to Redis stays open, and nothing comes through.
#[tokio::test(flavor = "multi_thread")]
async fn the_redis_connection_of_one_gateway_is_frozen() {
    let fleet = Fleet::start().await;
    let sessions = fleet.sessions(revocations(300)).await;
    let wire = &fleet.redis_of_second;
    let freeze = || async {
        for_a_while(Duration::from_millis(700)).await;
        wire.freeze();
        for_a_while(Duration::from_secs(2)).await;
        wire.thaw();
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), freeze).await;
    check("one gateway's Redis frozen", &history);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_gateway_is_stopped_for_ten_seconds() {
    let fleet = Fleet::start().await;
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
    let fleet = Fleet::start().await;
    let sessions = fleet.sessions(revocations(200)).await;
    fleet.stack.kill(Process::Nats).await;
    let history = fleet.revoke(&sessions, &[0, 1, 2]).await;
    check("NATS down", &history);
}

/// Neither path leads to the second gateway: what it remembers ends by itself.
#[tokio::test(flavor = "multi_thread")]
async fn nats_is_frozen_and_so_is_the_redis_connection_of_one_gateway() {
    let fleet = Fleet::start().await;
    let sessions = fleet.sessions(revocations(200)).await;
    let wire = &fleet.redis_of_second;
    let freeze = || async {
        for_a_while(Duration::from_millis(1500)).await;
        fleet.stack.pause(Process::Nats);
        wire.freeze();
        for_a_while(Duration::from_millis(2500)).await;
        wire.thaw();
        fleet.stack.resume(Process::Nats);
    };
    let history = beside(fleet.revoke(&sessions, &[0, 2]), freeze).await;
    check("NATS and one gateway's Redis frozen", &history);
}
