//! Limits over several gateways, and what every answer says of them.

use e2e::{Answer, Browser, eventually};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use stack::Process;

use crate::{
    application::Application,
    upstream::{Manner, Upstream},
};

const SIGN_IN: &str = "/api/auth/sign-in/email";

/// A stack with limits, an upstream at `/app`, and a second gateway.
async fn two_gateways() -> (Application, Upstream, String) {
    let upstream = Upstream::start(Manner::Answers(200)).await;
    let file = format!(
        "[upstreams.app]\naddress = \"{}\"\n\
         [[routes]]\nprefix = \"/app\"\nupstream = \"app\"\npolicy = \"public\"\n",
        upstream.address
    );
    let app = Application::start_with_gateways(2, &file, &[("RATE_LIMIT", "on")]).await;
    let second = app.stack.urls().gateways[1].clone();
    (app, upstream, second)
}

async fn ask(gateway: &str, method: Method, path: &str, address: &str) -> Answer {
    let client = reqwest::Client::new();
    let body = json!({ "email": "nobody", "password": "x" });
    let request = client.request(method, format!("{gateway}{path}")).json(&body);
    let request = request.header("x-forwarded-for", address).header("origin", "http://localhost");
    Answer::of(request.send().await.expect("an answer")).await
}

/// How many of the answers were refusals for asking too often.
fn limited(answers: &[Answer]) -> usize {
    answers.iter().filter(|answer| answer.status == 429).count()
}

#[tokio::test]
async fn two_gateways_have_one_limit() {
    let (app, _upstream, second) = two_gateways().await;
    let first = app.stack.urls().gateway_url.clone();
    let both = [&first, &second];
    // In turn, and all at once.
    for (at, expected) in [(0, false), (1, false), (0, false), (1, true), (0, true)] {
        let answer = ask(both[at], Method::POST, SIGN_IN, "198.51.100.1").await;
        assert_eq!(answer.status == 429, expected, "{answer:?}");
    }
    let asked = (0..60).map(|number| ask(both[number % 2], Method::POST, SIGN_IN, "198.51.100.2"));
    let answers = join_all(asked).await;
    assert_eq!(limited(&answers), 57);
    let recovery = "/api/admin/reset-password";
    let asked = (0..20).map(|number| ask(both[number % 2], Method::POST, recovery, "198.51.100.3"));
    assert_eq!(limited(&join_all(asked).await), 15);
}

#[tokio::test]
async fn without_redis_each_gateway_allows_less() {
    let (app, _upstream, second) = two_gateways().await;
    let first = app.stack.urls().gateway_url.clone();
    app.stack.kill(Process::Redis).await;
    for gateway in [&first, &second] {
        let asked = (0..20).map(|_| ask(gateway, Method::POST, SIGN_IN, "198.51.100.1"));
        let answers = join_all(asked).await;
        assert_eq!(limited(&answers), 18, "half of three, rounded up, is let through");
        let said = answers.iter().find(|answer| answer.status == 429).expect("one");
        assert_eq!(said.header("x-ratelimit-limit"), Some("2"));
    }
    let fallback = app.metric("requests_counted_total{by=\"Fallback\"}").await;
    assert_eq!(fallback, Some(20));
    app.stack.launch(Process::Redis).await;
    app.stack.wait_ready().await.expect("ready again");
    // From another address each time, for each try is counted.
    let mut tries = 0..;
    let together = eventually(|| {
        let address = format!("203.0.113.{}", tries.next().unwrap_or_default());
        let first = &first;
        async move {
            let answer = ask(first, Method::POST, SIGN_IN, &address).await;
            (answer.header("x-ratelimit-limit") == Some("3")).then_some(())
        }
    });
    together.await.expect("the gateways count together again");
    let asked = (0..20).map(|_| ask(&first, Method::POST, SIGN_IN, "198.51.100.9"));
    assert_eq!(limited(&join_all(asked).await), 17);
}

/// Whatever is answered, and by whom.
#[tokio::test]
async fn every_answer_says_what_is_left() {
    let (app, _upstream, _) = two_gateways().await;
    let gateway = app.stack.urls().gateway_url.clone();
    for (method, path, status, limit) in [
        (Method::GET, "/health", 200, "100"),
        (Method::GET, "/.well-known/jwks.json", 200, "100"),
        (Method::GET, "/api/ws/token", 401, "100"),
        (Method::GET, "/api/auth/ok", 200, "100"),
        (Method::GET, "/api/auth/get-session", 200, "100"),
        (Method::GET, "/api/auth/list-sessions", 401, "100"),
        (Method::POST, "/api/auth/sign-out", 403, "100"),
        (Method::POST, SIGN_IN, 403, "3"),
        (Method::POST, "/api/auth/request-password-reset", 403, "3"),
        (Method::GET, "/api/auth/nothing", 404, "100"),
        (Method::GET, "/api/admin/status", 200, "100"),
        (Method::GET, "/nowhere", 404, "100"),
        (Method::GET, "/x/..;/y", 400, "100"),
        (Method::GET, "/app", 200, "100"),
        (Method::DELETE, "/app/x", 200, "100"),
    ] {
        let answer = ask(&gateway, method.clone(), path, "198.51.100.7").await.expect(status);
        assert_eq!(answer.header("x-ratelimit-limit"), Some(limit), "{method} {path}");
        for name in ["x-ratelimit-remaining", "x-ratelimit-reset"] {
            let value = answer.header(name).unwrap_or_else(|| panic!("{method} {path}: {name}"));
            value.parse::<u64>().expect("a number");
        }
    }
}

/// A token in a path, a slash, a parameter and the case make no other bucket.
#[tokio::test]
async fn spellings_share_a_bucket() {
    let (app, _upstream, _) = two_gateways().await;
    let gateway = app.stack.urls().gateway_url.clone();
    let mut refused = 0;
    for guess in 0..120 {
        let path = format!("/api/auth/reset-password/guess{guess}?callbackURL=/");
        let answer = ask(&gateway, Method::GET, &path, "198.51.100.1").await;
        refused += usize::from(answer.status == 429);
    }
    assert_eq!(refused, 20);
    for (path, expected) in [
        ("/api/auth/sign-in/email", 403),
        ("/api/auth/sign-in/email/", 404),
        ("/api/auth/sign-in/email;x=1", 404),
        ("/api/auth/sign-in/email", 429),
        ("/api/auth/sign-in/Email", 429),
    ] {
        ask(&gateway, Method::POST, path, "198.51.100.2").await.expect(expected);
    }
}

/// A gateway that stands still for Redis would stand still for everybody who is signed
/// in, so what it answers from memory does not ask there.
#[tokio::test]
async fn a_frozen_redis_does_not_stop_what_is_counted_here() {
    let (app, _upstream, _) = two_gateways().await;
    let mut browser = Browser::new(app.stack.urls());
    app.stack.pause(Process::Redis);
    for remaining in (90..100).rev() {
        let answer = browser.get("/app/x").await.expect(200);
        let left = answer.header("x-ratelimit-remaining").expect("some").to_owned();
        assert_eq!(left, remaining.to_string());
    }
    app.stack.resume(Process::Redis);
}
