//! What is too large is not kept (PR7).

use std::fs;

use e2e::{Browser, Wire, own_stack};
use stack::{Process, Stack};

const CLIENTS: usize = 40;
const MIB: usize = 1024 * 1024;
/// What all of them together may make a gateway grow by. Each sends a hundred.
const GROWTH_MIB: usize = 200;

/// Resident memory of the gateway, in MiB (proc(5)).
fn resident(stack: &Stack) -> usize {
    let pid = stack.pid(Process::Gateway).expect("it runs");
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") / 1024
}

/// Sends a hundred MiB, or as much as is taken.
async fn pour(url: String, kind: usize) -> usize {
    let mut wire = Wire::open(&url).await;
    let head = match kind % 3 {
        0 => "GET /api/public HTTP/1.1\r\nHost: localhost\r\nX-Long: ",
        1 => {
            "POST /api/public HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\n"
        }
        _ => {
            "POST /api/auth/get-session HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n10000000\r\n"
        }
    };
    wire.send(head.as_bytes()).await;
    let piece = vec![b'x'; MIB];
    for sent in 0..100 {
        if !wire.send(&piece).await {
            return sent;
        }
    }
    100
}

#[tokio::test]
async fn what_clients_pour_in_does_not_pile_up() {
    let (stack, _dir) = own_stack(&[]).await;
    let url = stack.urls().gateway_url.clone();
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let before = resident(&stack);
    let pouring: Vec<_> = (0..CLIENTS).map(|kind| tokio::spawn(pour(url.clone(), kind))).collect();
    let mut most = before;
    while !pouring.iter().all(tokio::task::JoinHandle::is_finished) {
        assert!(user.browser.is_signed_in().await);
        most = most.max(resident(&stack));
    }
    let mut taken = 0;
    for poured in pouring {
        taken += poured.await.expect("no panic");
    }
    assert!(most < before + GROWTH_MIB, "from {before} to {most} MiB, with {taken} MiB taken");
    assert!(taken < CLIENTS * 20, "{taken} MiB were taken");
    stack.shutdown().await;
}
