//! Ways around the gateway (HD8, AU10), and what our answers tell (HD7).

use e2e::{Answer, Browser, dice, shared};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use reqwest::Method;
use serde_json::json;
use stack::Process;

use super::{folded, user};

/// Where a process listens; its own port is the one below that of its probes.
async fn address(process: Process) -> String {
    let admin = shared().await.admin[&process].clone();
    if process == Process::Panel {
        return admin;
    }
    let (host, port) = admin.rsplit_once(':').expect("a port");
    format!("{host}:{}", port.parse::<u16>().expect("a port") - 1)
}

fn guessed_key(rng: &mut StdRng) -> String {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let length = *[0, 1, 16, 42, 43, 44, 86].choose(rng).expect("some");
    (0..length).map(|_| alphabet.chars().nth(rng.random_range(0..64)).expect("64")).collect()
}

#[tokio::test]
async fn services_answer_nobody_but_the_gateway() {
    let (seed, mut rng) = dice();
    let client = reqwest::Client::new();
    for process in [Process::Identity, Process::Session, Process::Mfa] {
        let url = address(process).await;
        for _ in 0..100 {
            let path = *[
                "/api/admin/status",
                "/api/auth/ok",
                "/api/auth/list-sessions",
                "/api/auth/sign-in/email",
                "/api/auth/two-factor/enable",
                "/api/auth/admin/list-users",
                "/api/setup",
                "/metrics",
                "/",
            ]
            .choose(&mut rng)
            .expect("some");
            let method = [Method::GET, Method::POST].choose(&mut rng).expect("some").clone();
            let mut request = client.request(method, format!("{url}{path}"));
            for _ in 0..rng.random_range(0..3) {
                request = request.header("x-gateway-key", guessed_key(&mut rng));
            }
            for name in ["x-user-id", "x-user-role", "x-client-addr", "authorization"] {
                if rng.random_bool(0.3) {
                    request = request.header(name, "admin");
                }
            }
            let answer =
                request.json(&json!({ "email": "a@b.c" })).send().await.expect("an answer");
            assert_eq!(answer.status(), 404, "seed {seed}: {process} {path}");
            assert_eq!(answer.text().await.expect("a body"), "", "seed {seed}: {process} {path}");
        }
    }
}

#[tokio::test]
async fn an_application_that_checks_the_assertion_believes_no_plain_header() {
    let mut user = user().await;
    let panel = address(Process::Panel).await;
    let seen = user.browser.get("/api/request").await.expect(200).json();
    let client = reqwest::Client::new();
    let ask = async |with_token: bool| {
        let mut request = client.get(format!("{panel}/api/request"));
        for (name, values) in seen["headers"].as_object().expect("headers") {
            let value = values[0].as_str().expect("text");
            if folded(name) != "x_identity_token" || with_token {
                request = request.header(name, value);
            }
        }
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(ask(false).await, 401);
    assert_eq!(ask(true).await, 200, "the same with the assertion, so it is that which counts");
}

/// Names of ours, and of what we are made of.
fn tells(answer: &Answer) -> Option<String> {
    let ours = [
        "x_user_id",
        "x_user_email",
        "x_user_role",
        "x_session_id",
        "x_identity_token",
        "x_gateway_key",
        "x_client_addr",
        "server",
        "via",
        "x_powered_by",
        "x_upstream",
    ];
    let header = answer.headers.keys().map(|name| folded(name.as_str()));
    let header = header.into_iter().find(|name| ours.contains(&name.as_str()));
    let made_of =
        ["pingora", "hyper", "axum", "tokio", "sqlx", "postgres", "redis", "nats", "panicked"];
    let everything = format!("{:?} {}", answer.headers, answer.body).to_lowercase();
    let program = made_of.into_iter().find(|program| everything.contains(program));
    header.or(program.map(str::to_owned))
}

#[tokio::test]
async fn no_answer_tells_what_runs_here_or_who_was_told_to_whom() {
    let mut user = user().await;
    let mut stranger = Browser::new(&shared().await);
    let paths = [
        "/health",
        "/nowhere",
        "/api//x",
        "/api/servers",
        "/api/admin-area",
        "/api/auth/get-session",
        "/api/auth/list-sessions",
        "/api/auth/nowhere",
        "/api/auth/sign-in/email",
        "/api/auth/verify-email",
        "/api/auth/reset-password/x",
        "/api/auth/error",
        "/api/auth/two-factor/enable",
        "/api/setup",
        "/api/admin/status",
        "/api/admin/reset-password",
        "/api/ws/token",
    ];
    let methods = [Method::GET, Method::POST, Method::OPTIONS, Method::PUT, Method::TRACE];
    for path in paths {
        for method in &methods {
            for (type_, body) in [("application/json", "{"), ("text/plain", "x"), ("", "")] {
                for browser in [&mut stranger, &mut user.browser] {
                    let mut request = browser.request(method.clone(), path);
                    if !type_.is_empty() {
                        request = request.header("content-type", type_).body(body);
                    }
                    let answer = browser.send(request).await;
                    assert_eq!(tells(&answer), None, "{method} {path} {answer:?}");
                }
            }
        }
    }
}
