//! Services replaced one by one while they are used: no request fails, and nobody is
//! signed out.
//!
//! With `STELLAR_PREVIOUS_BIN_DIR` the stack starts with the binaries there (of another
//! commit), each service is replaced by ours, and then put back again.
//! `STELLAR_ROLLING_WORKERS` sets how many use it at once.

use std::{
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use e2e::{Browser, PASSWORD, User, tick};
use serde_json::json;
use stack::{Options, Process, Stack};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

/// The gateway is the door itself; how it is replaced is another test's business.
const SERVICES: [Process; 4] = [Process::Session, Process::Identity, Process::Mfa, Process::Mailer];
/// Rounds that everybody makes between two replacements.
const ROUNDS_BETWEEN: u64 = 2;

/// The binaries of a stack, which can be exchanged while it runs.
struct Binaries(PathBuf);

impl Binaries {
    fn new(dir: &Path, of: &Path) -> Self {
        let binaries = Self(dir.join("bin"));
        std::fs::create_dir(&binaries.0).expect("a directory");
        let ours = Process::ALL.into_iter().filter(|process| !Process::STORES.contains(process));
        for process in ours {
            binaries.exchange(process, of);
        }
        binaries
    }

    fn exchange(&self, process: Process, by: &Path) {
        let link = self.0.join(process.name());
        if link.is_symlink() {
            std::fs::remove_file(&link).expect("removes");
        }
        symlink(by.join(process.name()), link).expect("links");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn given(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[tokio::test]
#[ignore = "takes minutes; run it by name with --run-ignored=all"]
async fn services_are_replaced_one_by_one_and_nobody_notices() {
    let current = Options::new("").bin_dir;
    let previous = given("STELLAR_PREVIOUS_BIN_DIR").map_or_else(|| current.clone(), PathBuf::from);
    let workers =
        given("STELLAR_ROLLING_WORKERS").map_or(12, |text| text.parse().expect("a number"));

    let dir = TempDir::new().expect("a directory");
    let binaries = Binaries::new(dir.path(), &previous);
    let options = Options {
        quiet: true,
        bin_dir: binaries.0.clone(),
        ..Options::new(dir.path().join("stack"))
    };
    let stack = Stack::start(options).await.unwrap_or_else(|error| panic!("{error:#}"));

    let crowd = Crowd::gather(&stack, workers).await;
    for (process, next) in SERVICES
        .iter()
        .map(|process| (*process, &current))
        .chain(SERVICES.iter().map(|process| (*process, &previous)))
    {
        binaries.exchange(process, next);
        stack.stop(process).await;
        stack.launch(process).await;
        stack.wait_ready().await.unwrap_or_else(|error| panic!("{process}: {error:#}"));
        crowd.goes_on().await;
    }
    let failures = crowd.disperse().await;
    assert!(
        failures.is_empty(),
        "{} failures: {:#?}",
        failures.len(),
        &failures[..failures.len().min(5)]
    );
}

/// Users who do what users do, over and over.
struct Crowd {
    stop: CancellationToken,
    rounds: Arc<Vec<AtomicU64>>,
    workers: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Crowd {
    async fn gather(stack: &Stack, size: usize) -> Self {
        let stop = CancellationToken::new();
        let rounds: Arc<Vec<_>> = Arc::new((0..size).map(|_| AtomicU64::new(0)).collect());
        let mut workers = Vec::new();
        for number in 0..size {
            let user = Browser::new(stack.urls()).sign_up().await;
            let (stop, rounds) = (stop.clone(), Arc::clone(&rounds));
            workers.push(tokio::spawn(async move { work(user, number, &rounds, &stop).await }));
        }
        Self { stop, rounds, workers }
    }

    /// Returns when everybody has made a few rounds more.
    async fn goes_on(&self) {
        let count = || self.rounds.iter().map(|rounds| rounds.load(Ordering::Relaxed));
        let wanted: Vec<_> = count().map(|rounds| rounds + ROUNDS_BETWEEN).collect();
        let mut pace = tick();
        while count().zip(&wanted).any(|(rounds, wanted)| rounds < *wanted) {
            pace.tick().await;
        }
    }

    async fn disperse(self) -> Vec<String> {
        self.stop.cancel();
        let mut failures = Vec::new();
        for worker in self.workers {
            failures.extend(worker.await.expect("no panic"));
        }
        failures
    }
}

/// What failed, of everything one user did.
async fn work(
    mut user: User,
    number: usize,
    rounds: &[AtomicU64],
    stop: &CancellationToken,
) -> Vec<String> {
    let mut failures = Vec::new();
    while !stop.is_cancelled() {
        let browser = &mut user.browser;
        let round = rounds[number].load(Ordering::Relaxed);
        if !browser.is_signed_in().await {
            failures.push("signed out".to_owned());
        }
        let name = json!({ "name": format!("Ann {number} {round}") });
        let password = json!({ "password": PASSWORD });
        let answers = [
            ("the application", browser.get("/api/servers").await),
            ("session-svc", browser.get("/api/auth/list-sessions").await),
            ("identity-svc", browser.post("/api/auth/update-user", &name).await),
            ("mfa-svc", browser.post("/api/auth/two-factor/enable", &password).await),
        ];
        for (what, answer) in answers {
            if answer.status != 200 {
                failures.push(format!("{what}: {answer:?}"));
            }
        }
        let mut elsewhere = browser.clone();
        let answer = elsewhere.sign_in(&user.email, PASSWORD).await;
        if answer.status == 200 {
            let answer = elsewhere.post("/api/auth/sign-out", &json!({})).await;
            if answer.status != 200 {
                failures.push(format!("sign-out: {answer:?}"));
            }
        } else {
            failures.push(format!("sign-in: {answer:?}"));
        }
        rounds[number].fetch_add(1, Ordering::Relaxed);
    }
    failures
}
