//! What a user sees is the same with a Redis Cluster: every key is at some master, and
//! it does not matter at which.

use contract::session_copy;
use e2e::{Answer, Browser, Handshake, StackDir, User, eventually, own_stack_with, text};
use futures_util::future::join_all;
use serde_json::json;
use stack::{Process, Stack, Urls};

use crate::redis_servers::{RedisCluster, lead};

const RECOVERY: &str = "/api/admin/reset-password";

async fn on_a_cluster() -> (RedisCluster, Stack, StackDir) {
    let cluster = RedisCluster::start().await;
    let (stack, dir) = own_stack_with(&[], |options| {
        let mut options = options.with_replicas(2, 2);
        lead(&mut options, |user| cluster.url(user));
        options
    })
    .await;
    (cluster, stack, dir)
}

/// As somebody knows the stack who comes to its second gateway.
fn by_the_second(stack: &Stack) -> Urls {
    let mut urls = stack.urls().clone();
    urls.gateway_url.clone_from(&urls.gateways[1]);
    urls
}

/// The same browser at the second gateway.
fn elsewhere(stack: &Stack, browser: &Browser) -> Browser {
    let mut elsewhere = Browser::new(&by_the_second(stack));
    elsewhere.cookies.clone_from(&browser.cookies);
    elsewhere
}

async fn signed_up(stack: &Stack, count: usize) -> Vec<User> {
    let mut users = Vec::new();
    for _ in 0..count {
        users.push(Browser::new(stack.urls()).sign_up().await);
    }
    users
}

#[tokio::test]
async fn sessions_live_and_end_on_a_cluster() {
    let (cluster, stack, _dir) = on_a_cluster().await;
    let mut users = signed_up(&stack, 12).await;
    for user in &mut users {
        lives_and_ends(&stack, user).await;
    }
    for master in 0..RedisCluster::MASTERS {
        let keys = cluster.say(master, &["DBSIZE"]).await.expect("a number");
        assert_ne!(keys, "0", "master {master} has nothing");
    }
    // What was remembered was leased from all masters.
    let metrics = format!("{}/metrics", stack.urls().admin[&Process::Gateway]);
    let metrics = reqwest::get(metrics).await.expect("metrics").text().await.expect("text");
    let memory = "session_lookups_total{source=\"Memory\"} ";
    let remembered = metrics.lines().find_map(|line| line.strip_prefix(memory));
    assert!(remembered.is_some_and(|count| count != "0"), "{metrics}");
}

/// Known at both gateways from one moment to the next.
async fn lives_and_ends(stack: &Stack, user: &mut User) {
    let mut elsewhere = elsewhere(stack, &user.browser);
    for _ in 0..2 {
        assert!(user.browser.is_signed_in().await && elsewhere.is_signed_in().await, "warm");
    }
    user.browser.post("/api/auth/update-user", &json!({ "name": "Bea" })).await.expect(200);
    for browser in [&mut user.browser, &mut elsewhere] {
        assert_eq!(browser.session().await["user"]["name"], "Bea");
    }
    let mut other = Browser::new(stack.urls());
    other.sign_in(&user.email, e2e::PASSWORD).await.expect(200);
    assert!(other.is_signed_in().await, "warm");
    user.browser.post("/api/auth/revoke-other-sessions", &json!({})).await.expect(200);
    assert!(!other.is_signed_in().await, "revoked");
    assert!(elsewhere.is_signed_in().await, "not revoked");
    user.browser.clone().post("/api/auth/sign-out", &json!({})).await.expect(200);
    for browser in [&mut user.browser, &mut elsewhere] {
        assert!(!browser.is_signed_in().await, "signed out");
    }
}

#[tokio::test]
async fn limits_and_tokens_are_exact_over_two_gateways_on_a_cluster() {
    let (_cluster, stack, _dir) = on_a_cluster().await;
    let gateways = &stack.urls().gateways;
    let client = reqwest::Client::new();
    // As many addresses as make it unlikely that one master counts them all.
    for address in 1..=12 {
        let ask = |number: usize| {
            let request = client.post(format!("{}{RECOVERY}", gateways[number % 2]));
            let request = request.header("x-forwarded-for", format!("198.51.100.{address}"));
            async { Answer::of(request.json(&json!({})).send().await.expect("an answer")).await }
        };
        let answers = join_all((0..20).map(ask)).await;
        let limited = answers.iter().filter(|answer| answer.status == 429).count();
        assert_eq!(limited, 15, "{address}: {answers:?}");
    }
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let second = by_the_second(&stack);
    for _ in 0..12 {
        let token = user.browser.get("/api/ws/token").await.expect(200).json();
        let path = format!("/api/ws-session?token={}", text(&token["token"]));
        let open = |number: usize| {
            let urls = [stack.urls(), &second][number % 2];
            Handshake::new(urls, &path).open()
        };
        let opened = join_all((0..8).map(open)).await;
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
    }
}

/// A slot that changes its master half-way: keys that have gone are asked for where they
/// are, nothing is refused, and what is revoked meanwhile stays so afterwards.
#[tokio::test]
async fn a_key_that_is_on_its_way_to_another_master_is_found() {
    let (cluster, stack, _dir) = on_a_cluster().await;
    let users = signed_up(&stack, 4).await;
    for (number, mut user) in users.into_iter().enumerate() {
        let token = auth_types::SessionToken::parse(&user.token).expect("a token");
        let key = session_copy::key(token.digest());
        assert!(user.browser.is_signed_in().await, "warm");
        let from = cluster.owner(&key).await;
        let to = (from + 1 + number % 2) % RedisCluster::MASTERS;
        cluster.move_half(&key, from, to).await;
        let mut elsewhere = elsewhere(&stack, &user.browser);
        assert!(user.browser.is_signed_in().await && elsewhere.is_signed_in().await, "moving");
        user.browser.post("/api/auth/update-user", &json!({ "name": "Bea" })).await.expect(200);
        assert_eq!(elsewhere.session().await["user"]["name"], "Bea");
        let thief = user.browser.clone();
        user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
        for mut browser in [thief.clone(), elsewhere.clone()] {
            assert!(!browser.is_signed_in().await, "signed out while its key moves");
        }
        cluster.move_the_rest(&key, from, to).await;
        let moved = || async { (cluster.owner(&key).await == to).then_some(()) };
        eventually(moved).await.expect("the slot follows");
        let copy = cluster.say(to, &["GET", &key]).await.expect("its master answers");
        assert_eq!(copy, r#"{"state":"revoked"}"#);
        for mut browser in [thief, elsewhere] {
            assert!(!browser.is_signed_in().await, "signed out before its slot moved");
        }
    }
}
