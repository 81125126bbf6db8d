//! The stores alone, since every service's tests can stand on them.
//!
//! Needs what `./dev up` installs: Postgres, Redis and NATS.

use std::fs;
use std::path::Path;

use stack::{Options, Process, Stack, forget};

fn stores(dir: &Path) -> Options {
    Options { quiet: true, processes: Process::STORES.to_vec(), ..Options::new(dir) }
}

fn is_alive(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[tokio::test]
async fn stores_come_up_and_leave_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let stack = Stack::start(stores(dir.path())).await.unwrap();
    let pids = Process::STORES.map(|store| stack.pid(store).unwrap());
    assert!(pids.into_iter().all(is_alive));

    let seen = Stack::attach(dir.path()).unwrap();
    assert!(seen.has_been_ready());
    assert_eq!(seen.urls().redis_url, stack.urls().redis_url);
    assert_eq!(seen.pid(Process::Redis), stack.pid(Process::Redis));
    let second = Stack::start(stores(dir.path())).await.err().unwrap().to_string();
    assert!(second.contains("already runs"), "{second}");

    stack.shutdown().await;
    assert!(!pids.into_iter().any(is_alive));
    assert!(Stack::attach(dir.path()).is_err());
    forget(dir.path()).unwrap();
}

#[tokio::test]
async fn a_store_that_dies_comes_back_and_one_that_was_killed_does_not() {
    let dir = tempfile::tempdir().unwrap();
    let stack = Stack::start(stores(dir.path())).await.unwrap();

    for store in Process::STORES {
        let first = stack.pid(store).unwrap();
        stack.kill(store).await;
        assert_eq!(stack.pid(store), None);
        assert!(!stack.is_ready(store).await);
        stack.launch(store).await;
        stack.wait_ready().await.unwrap();
        assert_ne!(stack.pid(store), Some(first));
    }

    // From outside, as by the kernel when memory runs out.
    let first = stack.pid(Process::Nats).unwrap();
    let pid = rustix::process::Pid::from_raw(first.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let mut tick = tokio::time::interval(std::time::Duration::from_millis(20));
    while stack.pid(Process::Nats).is_none_or(|pid| pid == first) {
        tick.tick().await;
    }
    stack.wait_ready().await.unwrap();

    drop(stack);
    forget(dir.path()).unwrap();
}

#[tokio::test]
async fn a_paused_store_answers_nothing_until_it_is_resumed() {
    let dir = tempfile::tempdir().unwrap();
    let stack = Stack::start(stores(dir.path())).await.unwrap();

    stack.pause(Process::Postgres);
    assert!(!stack.is_ready(Process::Postgres).await);
    stack.resume(Process::Postgres);
    stack.wait_ready().await.unwrap();

    stack.pause(Process::Redis);
    let pids = Process::STORES.map(|store| stack.pid(store).unwrap());
    stack.shutdown().await;
    assert!(!pids.into_iter().any(is_alive), "also one that sleeps can be stopped");
    forget(dir.path()).unwrap();
}

#[tokio::test]
async fn state_is_kept_until_it_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let first = Stack::start(stores(dir.path())).await.unwrap();
    let password = |url: &str| url.split('@').next().map(str::to_owned);
    let before = password(&first.urls().database_url);
    first.shutdown().await;

    let second = Stack::start(stores(dir.path())).await.unwrap();
    assert_eq!(password(&second.urls().database_url), before);
    second.shutdown().await;

    forget(dir.path()).unwrap();
    let left: Vec<_> =
        fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["stack.lock"]);
}

#[tokio::test]
async fn a_service_that_cannot_start_is_named_with_its_last_words() {
    let dir = tempfile::tempdir().unwrap();
    let bin = tempfile::tempdir().unwrap();
    let broken = bin.path().join("panel");
    fs::write(&broken, "#!/bin/sh\necho JWKS_URL is not a URL >&2\nexit 3\n").unwrap();
    fs::set_permissions(&broken, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let options = Options {
        bin_dir: bin.path().to_owned(),
        processes: vec![Process::Panel],
        ..stores(dir.path())
    };
    let error = Stack::start(options).await.err().unwrap().to_string();
    assert!(error.starts_with("panel stopped while starting (exit status: 3)"), "{error}");
    assert!(error.ends_with("JWKS_URL is not a URL"), "{error}");
    assert!(Stack::attach(dir.path()).is_err(), "nothing is left running");
}
