//! How often a caller may ask (contract 9.6).

use e2e::{Answer, Browser, StackDir, own_stack};
use reqwest::Method;
use serde_json::json;
use stack::{Process, Stack};

const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_UP: &str = "/api/auth/sign-up/email";
const GET_SESSION: &str = "/api/auth/get-session";

async fn limited() -> (Stack, StackDir) {
    own_stack(&[("RATE_LIMIT", "on")]).await
}

/// Asks from an address. The body is refused without any work.
async fn ask(stack: &Stack, method: Method, path: &str, address: &str) -> Answer {
    let mut browser = Browser::new(stack.urls());
    let request = browser.request(method, path).header("x-forwarded-for", address);
    browser.send(request.json(&json!({ "email": "nobody", "password": "x" }))).await
}

async fn sign_in(stack: &Stack, address: &str) -> Answer {
    ask(stack, Method::POST, SIGN_IN, address).await
}

fn number(answer: &Answer, name: &str) -> u64 {
    let value = answer.header(name).unwrap_or_else(|| panic!("{name}: {answer:?}"));
    value.parse().unwrap_or_else(|_| panic!("{name}: {value}"))
}

#[track_caller]
fn expect_limited(answer: Answer) -> Answer {
    let answer = answer.expect(429);
    let expected = json!({ "message": "Too many requests. Please try again later." });
    assert_eq!(answer.json(), expected);
    answer
}

#[tokio::test]
async fn the_fourth_sign_in_within_ten_seconds_is_refused() {
    let (stack, _dir) = limited().await;
    for remaining in [2, 1, 0] {
        let answer = sign_in(&stack, "203.0.113.1").await.expect_code(400, "INVALID_EMAIL");
        assert_eq!(number(&answer, "x-ratelimit-limit"), 3);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), remaining);
        assert!(number(&answer, "x-ratelimit-reset") > 1_700_000_000, "{answer:?}");
        assert_eq!(answer.header("retry-after"), None);
    }
    let answer = expect_limited(sign_in(&stack, "203.0.113.1").await);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!((1..=10).contains(&number(&answer, "x-retry-after")), "{answer:?}");
    assert_eq!(answer.header("retry-after"), answer.header("x-retry-after"));
    assert_eq!(number(&answer, "x-ratelimit-limit"), 3);
    assert_eq!(number(&answer, "x-ratelimit-remaining"), 0);
    let frontend = stack.urls().frontend_url.as_str();
    assert_eq!(answer.header("access-control-allow-origin"), Some(frontend));
    assert!(
        answer
            .header("access-control-expose-headers")
            .is_some_and(|all| all.contains("X-Retry-After"))
    );
}

#[tokio::test]
async fn callers_are_counted_apart() {
    let (stack, _dir) = limited().await;
    every_address_and_every_path_is_counted_apart(&stack).await;
    a_caller_with_a_network_of_addresses_is_one_caller(&stack).await;
    addresses_that_a_caller_puts_in_front_change_nothing(&stack).await;
}

async fn every_address_and_every_path_is_counted_apart(stack: &Stack) {
    for _ in 0..3 {
        sign_in(stack, "198.51.100.1").await.expect(400);
    }
    expect_limited(sign_in(stack, "198.51.100.1").await);
    sign_in(stack, "198.51.100.2").await.expect(400);
    ask(stack, Method::POST, SIGN_UP, "198.51.100.1").await.expect(400);
    // Neither a query nor a slash at the end makes another path.
    let with_query = format!("{SIGN_IN}?a=b");
    expect_limited(ask(stack, Method::POST, &with_query, "198.51.100.1").await);
    expect_limited(ask(stack, Method::POST, "/api/auth/sign-in/email/", "198.51.100.1").await);
}

async fn a_caller_with_a_network_of_addresses_is_one_caller(stack: &Stack) {
    for address in ["2001:db8:1:2::1", "2001:db8:1:2:ffff::2", "2001:DB8:1:2:3:4:5:6"] {
        sign_in(stack, address).await.expect(400);
    }
    expect_limited(sign_in(stack, "2001:db8:1:2::99").await);
    sign_in(stack, "2001:db8:1:3::1").await.expect(400);
    for _ in 0..2 {
        sign_in(stack, "::ffff:198.51.101.3").await.expect(400);
    }
    sign_in(stack, "198.51.101.3").await.expect(400);
    expect_limited(sign_in(stack, "198.51.101.3").await);
}

async fn addresses_that_a_caller_puts_in_front_change_nothing(stack: &Stack) {
    for forged in ["1.1.1.1", "2.2.2.2", "3.3.3.3"] {
        sign_in(stack, &format!("{forged}, 198.51.102.1")).await.expect(400);
    }
    expect_limited(sign_in(stack, "4.4.4.4, 198.51.102.1").await);
}

#[tokio::test]
async fn everything_counts_but_a_preflight() {
    let (stack, _dir) = limited().await;
    other_methods_and_unknown_paths_count_too(&stack).await;
    a_page_may_ask_for_leave_as_often_as_it_likes(&stack).await;
}

async fn other_methods_and_unknown_paths_count_too(stack: &Stack) {
    ask(stack, Method::GET, SIGN_IN, "198.51.103.1").await.expect(404);
    ask(stack, Method::PUT, SIGN_IN, "198.51.103.1").await.expect(404);
    sign_in(stack, "198.51.103.1").await.expect(400);
    expect_limited(sign_in(stack, "198.51.103.1").await);
    for _ in 0..3 {
        ask(stack, Method::POST, "/api/auth/sign-in/nowhere", "198.51.103.1").await.expect(404);
    }
    expect_limited(ask(stack, Method::POST, "/api/auth/sign-in/nowhere", "198.51.103.1").await);
}

async fn a_page_may_ask_for_leave_as_often_as_it_likes(stack: &Stack) {
    let browser = Browser::new(stack.urls());
    for _ in 0..10 {
        let request = browser.request(Method::OPTIONS, SIGN_IN);
        let request = request.header("access-control-request-method", "POST");
        browser.clone().send(request).await.expect(204);
    }
    sign_in(stack, "127.0.0.1").await.expect(400);
}

#[tokio::test]
async fn anything_else_may_be_asked_a_hundred_times() {
    let (stack, _dir) = limited().await;
    for asked in 1..=100 {
        let answer = ask(&stack, Method::GET, GET_SESSION, "203.0.113.1").await.expect(200);
        assert_eq!(number(&answer, "x-ratelimit-remaining"), 100 - asked);
    }
    expect_limited(ask(&stack, Method::GET, GET_SESSION, "203.0.113.1").await);
    let answer = ask(&stack, Method::GET, "/api/servers", "203.0.113.1").await.expect(401);
    assert_eq!(number(&answer, "x-ratelimit-limit"), 100);
}

#[tokio::test]
async fn a_count_holds_with_redis_and_without() {
    let (stack, _dir) = limited().await;
    simultaneous_callers_share_one_count(&stack).await;
    a_dead_redis_lifts_no_limit(&stack).await;
}

async fn simultaneous_callers_share_one_count(stack: &Stack) {
    let asked = (0..40).map(|_| sign_in(stack, "198.51.105.1"));
    let answers = futures_util::future::join_all(asked).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 3);
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 37);
}

async fn a_dead_redis_lifts_no_limit(stack: &Stack) {
    stack.kill(Process::Redis).await;
    let answers =
        futures_util::future::join_all((0..20).map(|_| sign_in(stack, "198.51.106.1"))).await;
    // The gateway counts by itself, and half as many, for others may do the same.
    assert_eq!(answers.iter().filter(|answer| answer.status == 400).count(), 2, "{answers:?}");
    assert_eq!(answers.iter().filter(|answer| answer.status == 429).count(), 18);
    expect_limited(sign_in(stack, "198.51.106.1").await);
    sign_in(stack, "198.51.106.2").await.expect(400);
}
