//! Every process of ours replaced, one by one, while the stack is used: no request
//! fails, nobody is signed out, and sockets are told to come again.
//!
//! Variables: `STELLAR_BIN_DIR` has the binaries, instead of those beside the test;
//! with `STELLAR_PREVIOUS_BIN_DIR` the stack starts with those (of another commit), each
//! process is replaced by ours, and then put back again. `STELLAR_ROLLING_CLIENTS=1` has
//! the official client's tests run all the while (`compat/run`, which needs what `./dev
//! test` has installed).

mod binaries;
mod crowd;

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use stack::{Options, Process, Stack};
use tempfile::TempDir;
use tokio::process::{Child, Command};

use self::{
    binaries::Binaries,
    crowd::{Crowd, Sizes},
};
use crate::successor::take_over;

/// Each is stopped, and started anew. The gateway hands over instead.
const SERVICES: [Process; 4] = [Process::Session, Process::Identity, Process::Mfa, Process::Mailer];

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes minutes; run it by name with --run-ignored=all"]
async fn all_are_replaced_one_by_one_and_nobody_notices() {
    let current = given("STELLAR_BIN_DIR").map_or_else(stack::bin_dir, PathBuf::from);
    let previous = given("STELLAR_PREVIOUS_BIN_DIR").map_or_else(|| current.clone(), PathBuf::from);
    let mut dir = TempDir::new().expect("a directory");
    let binaries = Binaries::new(dir.path(), &previous);
    let stack = start(dir.path(), &binaries).await;

    let crowd = Crowd::gather(&stack, Sizes { users: 4, connections: 200 }).await;
    let mut clients = given("STELLAR_ROLLING_CLIENTS").map(|_| clients(dir.path()));
    let mut replaced = 0;
    loop {
        for next in [&current, &previous] {
            replace_all(&stack, &binaries, next, &crowd).await;
            replaced += 1;
        }
        let ended = clients.as_mut().map(|child| child.try_wait().expect("it was started"));
        if ended.is_none_or(|ended| ended.is_some()) {
            break;
        }
    }
    let (failures, rounds) = crowd.disperse().await;
    println!("everything replaced {replaced} times, {rounds} rounds");
    // The logs tell why.
    dir.disable_cleanup(!failures.is_empty());
    assert!(
        failures.is_empty(),
        "{}: {} failures: {failures:#?}",
        dir.path().display(),
        failures.len()
    );
    if let Some(mut child) = clients {
        assert!(child.wait().await.expect("it has ended").success(), "the client's tests");
    }
}

async fn start(dir: &Path, binaries: &Binaries) -> Stack {
    let upgrade_sock = dir.join("upgrade.sock").display().to_string();
    // What the client's tests expect of a stack.
    let env = [
        ("UPGRADE_SOCK", upgrade_sock.as_str()),
        ("AUTH_CHANGE_EMAIL", "true"),
        ("AUTH_DELETE_USER", "true"),
        ("AUTH_BEARER", "true"),
    ];
    let options = Options {
        quiet: true,
        bin_dir: binaries.dir(),
        env: env.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..Options::new(dir.join("stack"))
    };
    Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"))
}

async fn replace_all(stack: &Stack, binaries: &Binaries, by: &Path, crowd: &Crowd) {
    for process in SERVICES {
        crowd.sees(process);
        binaries.exchange(process, by);
        stack.stop(process).await;
        stack.launch(process).await;
        stack.wait_ready().await.unwrap_or_else(|error| panic!("{process}: {error:#}"));
        crowd.goes_on().await;
    }
    crowd.sees(Process::Gateway);
    binaries.exchange(Process::Gateway, by);
    take_over(stack, &by.join("gateway")).await;
    crowd.goes_on().await;
}

/// Those that need nothing else of the stack: no browser, no provider, and not the
/// original on the stack's database.
fn clients(dir: &Path) -> Child {
    let compat = Path::new(env!("CARGO_MANIFEST_DIR")).join("../compat");
    let files = std::fs::read_dir(compat.join("tests")).expect("the client's tests");
    let tests = files.filter_map(|file| {
        let name = file.ok()?.file_name().into_string().ok()?;
        let runs = name.ends_with(".test.js") && !name.starts_with("migration");
        runs.then(|| format!("tests/{name}"))
    });
    let mut command = Command::new(compat.join("run"));
    command.args(tests).env("STELLAR_STACK_DIR", dir.join("stack")).kill_on_drop(true);
    command.stdin(Stdio::null()).spawn().expect("compat/run is there")
}
