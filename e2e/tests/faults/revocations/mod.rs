//! Whoever is told that a session is revoked can rely on it: no gateway accepts a request
//! with it that begins afterwards, whatever is cut, frozen or stopped.
//!
//! Some hundred revocations each; `REVOCATIONS=10000` makes it so many, and the
//! histograms are printed.

mod fleet;
mod history;
mod replica;

use std::{
    future::pending,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use auth_types::Roles;
use contract::session::{RevokeReason, RevokeUser, UserChanged};
use e2e::{Opened, Opener, eventually};
use stack::Process;

use crate::redis_servers::{RedisCluster, RedisSentinels, Watcher};

use self::{
    fleet::{Fleet, Whose, address_in, beside, for_a_while},
    history::{History, Verdict},
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

/// Each server of NATS is killed in turn, so that gateways and session-svc are at different
/// ones, lose theirs and find another.
#[tokio::test(flavor = "multi_thread")]
async fn servers_of_a_nats_cluster_are_killed_one_after_the_other() {
    let fleet = Fleet::start_on_nats_cluster().await;
    let sessions = fleet.sessions(revocations(300)).await;
    let kill = || async {
        for server in Process::NATS {
            for_a_while(Duration::from_millis(700)).await;
            fleet.stack.kill(server).await;
            for_a_while(Duration::from_millis(700)).await;
            fleet.stack.launch(server).await;
        }
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), kill).await;
    check("servers of NATS killed in turn", &history);
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

/// After a failover: who was signed in is so, who was signed out is so too.
async fn expect_recovered(fleet: &Fleet, kept: &[Opened], revoked: &[Opened]) {
    fleet.stack.wait_ready().await.expect("everybody has found the new primary");
    for session in kept {
        assert!(fleet.is_alive(session).await, "signed out by a failover");
    }
    for session in revoked {
        assert_eq!(fleet.accepted_by(session).await, 0, "signed in by a failover");
    }
}

/// Three masters and three replicas; a master dies, and its replica takes its place.
#[tokio::test(flavor = "multi_thread")]
async fn a_master_of_a_cluster_dies_under_load() {
    let cluster = RedisCluster::start().await;
    let fleet = Fleet::start_on(|user| cluster.url(user)).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let kept = fleet.sessions(20).await;
    let die = || async {
        fleet.has_revoked(sessions.len() / 4).await;
        cluster.kill_a_master();
        pending::<()>().await;
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), die).await;
    check("a master of a Redis Cluster dies", &history);
    cluster.has_recovered().await;
    expect_recovered(&fleet, &kept, &sessions).await;
}

/// Slots change their master to and fro, with the copies in them.
#[tokio::test(flavor = "multi_thread")]
async fn slots_of_a_cluster_move_under_load() {
    let cluster = RedisCluster::start().await;
    let fleet = Fleet::start_on(|user| cluster.url(user)).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let kept = fleet.sessions(20).await;
    let moves = AtomicUsize::new(0);
    let move_some = || async {
        let (from, to) = [(1, 2), (2, 1)][moves.load(Ordering::Relaxed) % 2];
        cluster.move_slots(from, to, 50).await;
        moves.fetch_add(1, Ordering::Relaxed);
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), move_some).await;
    check("slots of a Redis Cluster move", &history);
    assert!(moves.load(Ordering::Relaxed) > 0, "nothing has moved");
    expect_recovered(&fleet, &kept, &sessions).await;
}

/// Three Sentinels find that the primary is gone, and promote its replica.
#[tokio::test(flavor = "multi_thread")]
async fn a_primary_dies_under_load_and_sentinels_promote_its_replica() {
    let redis = RedisSentinels::start().await;
    let fleet = Fleet::start_on(|user| redis.url(user)).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let kept = fleet.sessions(20).await;
    let die = || async {
        fleet.has_revoked(sessions.len() / 4).await;
        redis.primary.kill();
        pending::<()>().await;
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), die).await;
    check("Sentinels promote a replica", &history);
    redis.have_promoted_the_replica().await;
    expect_recovered(&fleet, &kept, &sessions).await;
}

/// A primary hung, was replaced, and goes on: for a moment it takes itself for the primary.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_primary_comes_back_under_load() {
    let redis = RedisSentinels::start().await;
    let fleet = Fleet::start_on(|user| redis.url(user)).await;
    let sessions = fleet.sessions(revocations(300)).await;
    let kept = fleet.sessions(20).await;
    let back_after = AtomicUsize::new(usize::MAX);
    let come_back = || async {
        fleet.has_revoked(sessions.len() / 4).await;
        redis.primary.pause();
        redis.have_promoted_the_replica().await;
        fleet.has_revoked(sessions.len() / 2).await;
        back_after.store(fleet.revoked().len(), Ordering::Relaxed);
        redis.primary.resume();
        pending::<()>().await;
    };
    let history = beside(fleet.revoke(&sessions, &[0, 1, 2]), come_back).await;
    check("an old primary comes back", &history);
    assert!(back_after.into_inner() < sessions.len(), "it came back too late");
    redis.primary.is_demoted().await;
    expect_recovered(&fleet, &kept, &sessions).await;
}

/// The old primary is back, and so is a Sentinel that has not heard of the new one;
/// nobody else is left. They are believed neither by those who knew better nor by a
/// gateway that has just come. What is asked for is read from Postgres.
#[tokio::test(flavor = "multi_thread")]
async fn an_old_primary_is_not_believed_because_one_sentinel_names_it() {
    let mut redis = RedisSentinels::start().await;
    let fleet = Fleet::start_on(|user| redis.url(user)).await;
    let revoked = fleet.sessions(60).await;
    let kept = fleet.sessions(5).await;
    for session in revoked.iter().chain(&kept) {
        assert!(fleet.is_alive(session).await, "warm");
    }
    redis.sentinels[0].kill().await;
    redis.primary.pause();
    redis.have_promoted_the_replica().await;
    for session in &revoked {
        let signed_out = || async { fleet.sign_out(session, 0).await.then_some(()) };
        eventually(signed_out).await.expect("the new primary is found");
    }
    redis.sentinels[1..].iter().for_each(Watcher::pause);
    redis.primary.resume();
    redis.start_the_first_sentinel().await;
    assert_eq!(redis.primary.copies_that_live(&revoked).await, revoked.len(), "it has missed all");
    fleet.stack.kill(Process::Gateway3).await;
    fleet.stack.launch(Process::Gateway3).await;
    let answers = || async { (fleet.judge(&kept[0], 2).await == Verdict::Accepted).then_some(()) };
    eventually(answers).await.expect("session-svc knows");
    let mut pace = e2e::tick();
    for session in &revoked {
        pace.tick().await;
        assert_eq!(fleet.judge(session, 2).await, Verdict::Refused);
    }
    assert!(!fleet.sign_out(&kept[0], 0).await, "acknowledged by nobody");
    redis.sentinels[1..].iter().for_each(Watcher::resume);
    redis.primary.is_demoted().await;
    expect_recovered(&fleet, &kept[1..], &revoked).await;
}
