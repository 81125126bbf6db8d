//! A gateway that stops, or lets another take its place.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use e2e::{Browser, Handshake, eventually, own_stack};
use serde_json::json;
use stack::{Process, Urls};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

use crate::successor::take_over;

#[tokio::test]
async fn sockets_are_told_to_come_again_and_requests_are_finished() {
    let (stack, _dir) = own_stack(&[]).await;
    let urls = stack.urls().clone();
    let mut sockets = Vec::new();
    for _ in 0..50 {
        sockets.push(Handshake::new(&urls, "/api/ws").from_somewhere().expect_open().await);
    }
    let user = Browser::new(&urls).sign_up().await;
    // A password is hashed, so this takes a while.
    let slow = tokio::spawn(async move {
        let mut browser = user.browser;
        browser.sign_in(&user.email, e2e::PASSWORD).await
    });
    let idle = TcpStream::connect(urls.gateway_url.trim_start_matches("http://")).await;
    let mut idle = idle.expect("a connection");
    stack.stop(Process::Gateway).await;
    for mut socket in sockets {
        assert_eq!(socket.closed().await, (1012, "the gateway restarts".to_owned()));
    }
    slow.await.expect("no panic").expect(200);
    assert_eq!(idle.read(&mut [0; 1]).await.unwrap_or(0), 0, "an idle connection is closed");
}

#[tokio::test]
async fn a_stopping_gateway_says_that_it_is_not_ready_before_it_turns_anybody_away() {
    let (stack, _dir) = own_stack(&[("SHUTDOWN_DELAY_SECS", "2")]).await;
    let urls = stack.urls().clone();
    let readyz = format!("{}/readyz", urls.admin[&Process::Gateway]);
    let stopping = tokio::spawn(async move { stack.stop(Process::Gateway).await });
    let not_ready = eventually(|| async {
        let answer = reqwest::get(&readyz).await.expect("it still answers");
        (answer.status() == 503).then_some(answer.text().await.expect("text"))
    });
    let said = not_ready.await.expect("it says so");
    assert!(said.contains("stopping"), "{said}");
    assert!(exchange(&urls).await.is_ok(), "whoever comes meanwhile is served");
    stopping.await.expect("no panic");
    assert!(exchange(&urls).await.is_err());
}

/// One request on a connection of its own, as a client without any patience makes it.
async fn exchange(urls: &Urls) -> Result<(), String> {
    let address = urls.gateway_url.trim_start_matches("http://");
    let mut stream =
        TcpStream::connect(address).await.map_err(|error| format!("connect: {error}"))?;
    let request = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.map_err(|error| format!("write: {error}"))?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.map_err(|error| format!("read: {error}"))?;
    if answer.starts_with("HTTP/1.1 200") { Ok(()) } else { Err(format!("answer: {answer:?}")) }
}

/// Clients connect and ask all the while; one gateway after the other takes over.
#[tokio::test]
async fn a_new_gateway_takes_over_without_a_refused_connection() {
    let dir = tempfile::tempdir().expect("a directory");
    let sock = dir.path().join("upgrade.sock");
    let (stack, _dir) = own_stack(&[("UPGRADE_SOCK", sock.to_str().expect("text"))]).await;
    let urls = stack.urls().clone();
    let mut socket = Handshake::new(&urls, "/api/ws").from_somewhere().expect_open().await;
    let mut user = Browser::new(&urls).sign_up().await;

    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let failed = Arc::new(Mutex::new(Vec::new()));
    let mut clients = JoinSet::new();
    for _ in 0..8 {
        let (urls, stop, answered, failed) =
            (urls.clone(), Arc::clone(&stop), Arc::clone(&answered), Arc::clone(&failed));
        clients.spawn(async move {
            while !stop.load(Ordering::Acquire) {
                match exchange(&urls).await {
                    Ok(()) => drop(answered.fetch_add(1, Ordering::AcqRel)),
                    Err(error) => failed.lock().expect("whole").push(error),
                }
            }
        });
    }
    take_over(&stack, &stack::bin_dir().join("gateway")).await;
    assert_eq!(socket.closed().await, (1012, "the gateway restarts".to_owned()));

    stop.store(true, Ordering::Release);
    clients.join_all().await;
    assert_eq!(*failed.lock().expect("whole"), Vec::<String>::new());
    let answered = answered.load(Ordering::Acquire);
    assert!(answered > 100, "{answered}");
    assert!(user.browser.is_signed_in().await, "no session is lost");
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
}

/// Whoever replaces a service waits for the old one to go.
#[tokio::test]
async fn a_service_with_nothing_left_to_do_is_gone_at_once() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    for service in [Process::Mailer, Process::Mfa, Process::Session, Process::Identity] {
        stack.stop(service).await;
        let log = std::fs::read_to_string(stack.log_file(service)).expect("its log");
        assert!(log.contains("stopping"), "{service}: {log}");
        assert!(!log.contains("stopped before everything was finished"), "{service}: {log}");
    }
}
