//! What the logs say, and what they never say.

use std::{fs, path::Path};

use e2e::{Browser, Handshake, PASSWORD, eventually, own_stack, raw_request, text};
use reqwest::Method;
use serde_json::{Value, json};
use stack::Process;

/// Planted wherever a client can write something.
const CANARY: &str = "canary-7f3a";

fn lines(log: &Path) -> Vec<Value> {
    let log = fs::read_to_string(log).expect("a log");
    log.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}")))
        .collect()
}

#[tokio::test]
async fn a_request_is_one_line_with_who_what_outcome_and_cost() {
    let (stack, _dir) = own_stack(&[("LOG_FORMAT", "json")]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let session = user.browser.session().await;
    let request = user.browser.request(Method::GET, &format!("/api/servers/{CANARY}?{CANARY}=1"));
    let answer = user.browser.send(request.header("x-request-id", "my-request-1")).await;
    assert_eq!(answer.status, 404);
    let log = stack.log_file(Process::Gateway);
    let found = eventually(|| async {
        let found: Vec<_> =
            lines(&log).into_iter().filter(|line| line["request.id"] == "my-request-1").collect();
        (!found.is_empty()).then_some(found)
    });
    let found = found.await.expect("a line");
    let [line] = found.as_slice() else { panic!("one line: {found:?}") };
    for (field, value) in [
        ("message", json!("request")),
        ("method", json!("GET")),
        ("route", json!("/api/servers")),
        ("status", json!(404)),
        ("user.id", json!(user.id)),
        ("session.id", session["session"]["id"].clone()),
        ("upstream", json!("panel")),
        ("client.addr", json!("127.0.0.1")),
    ] {
        assert_eq!(line[field], value, "{field}: {line}");
    }
    let micros = |field: &str| line[field].as_u64().unwrap_or_else(|| panic!("{field}: {line}"));
    assert!(micros("took_us") >= micros("edge_us") + micros("upstream_us"), "{line}");
}

#[tokio::test]
async fn nothing_that_a_client_writes_gets_into_a_log() {
    let (stack, _dir) = own_stack(&[("LOG_FORMAT", "json")]).await;
    let urls = stack.urls().clone();
    let mut user = Browser::new(&urls).sign_up().await;
    let token =
        text(&user.browser.get("/api/ws/token").await.expect(200).json()["token"]).to_owned();
    let path = format!("/api/ws-session?token={token}&{CANARY}=1");
    let mut socket = Handshake::new(&urls, &path).header("user-agent", CANARY).expect_open().await;
    socket.ask(&json!({ "type": "subscribe", "serverId": CANARY })).await;
    let bad = format!("/api/ws-session?token={CANARY}");
    Handshake::new(&urls, &bad).expect_refused(401, "Unauthorized").await;
    for path in ["/api/servers", "/api/public", "/api/auth/get-session", "/nowhere"] {
        let request = user.browser.request(Method::GET, &format!("{path}/{CANARY}?token={CANARY}"));
        let request = request
            .header("user-agent", format!("{CANARY}\t{{\"level\":\"ERROR\"}}"))
            .header("authorization", format!("Bearer {CANARY}"))
            .header("x-request-id", format!("{CANARY} x"))
            .header("referer", format!("http://{CANARY}/"));
        user.browser.clone().send(request).await;
    }
    let wrong = format!("{CANARY} wrong");
    user.browser.clone().sign_in(&format!("{CANARY}@example.com"), &wrong).await;
    for raw in [
        format!("GET /{CANARY}%0a{CANARY} HTTP/1.1\r\nHost: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{CANARY}\x1b[31m: y\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {CANARY}\r\nHost: y\r\n\r\n"),
    ] {
        raw_request(&urls.gateway_url, raw.as_bytes()).await;
    }
    drop(socket);
    let log = stack.log_file(Process::Gateway);
    let closed = eventually(|| async {
        lines(&log).iter().any(|line| line["message"] == "websocket closed").then_some(())
    });
    closed.await.expect("the socket's end is logged");
    let ours =
        [Process::Gateway, Process::Identity, Process::Session, Process::Mfa, Process::Mailer];
    for process in ours {
        let log = fs::read_to_string(stack.log_file(process)).expect("a log");
        for secret in [CANARY, PASSWORD, &token, &user.token] {
            let hit = log.lines().find(|line| line.contains(secret));
            assert_eq!(hit, None, "{process} logs {secret}");
        }
    }
}
