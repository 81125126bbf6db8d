//! Postgres that is restarted, in each way there is.

use e2e::{Browser, PASSWORD, Stores, fresh_email, own_stack};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use stack::{Process, Stack};

use super::crowd::Crowd;
use crate::newcomer::PRODUCTION;

const CROWD: usize = 4;

/// The keeper starts it again, as an orchestrator would.
async fn restarts_by(stack: &Stack, signal: Signal) {
    let before = stack.pid(Process::Postgres).expect("it runs");
    let pid = i32::try_from(before).ok().and_then(Pid::from_raw).expect("a pid");
    kill_process(pid, signal).expect("it can be told");
    let another = || async { stack.pid(Process::Postgres).filter(|pid| *pid != before) };
    e2e::eventually(another).await.expect("it is started again");
}

async fn is_restarted_under_load(signal: Signal) {
    let (stack, _dir) = own_stack(PRODUCTION).await;
    let crowd = Crowd::gather(&stack, CROWD).await;
    crowd.goes_on().await;
    for _ in 0..3 {
        restarts_by(&stack, signal).await;
        crowd.goes_on().await;
    }
    crowd.disperse(&stack).await;
    stack.wait_ready().await.expect("ready");
    // Pools are as they were: nobody waits for a connection that is dead.
    let answer = Browser::new(stack.urls()).get("/api/admin/status").await;
    answer.expect(200);
}

/// `pg_ctl stop --mode fast`: transactions under way are rolled back.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_restarted_under_load() {
    is_restarted_under_load(Signal::INT).await;
}

/// `pg_ctl stop --mode immediate`: a crash, from which it recovers by its log.
#[tokio::test(flavor = "multi_thread")]
async fn postgres_crashes_under_load() {
    is_restarted_under_load(Signal::QUIT).await;
}

/// Forty want to be the first admin while Postgres crashes: one is, whatever they were
/// told.
#[tokio::test(flavor = "multi_thread")]
async fn of_many_first_set_ups_under_crashes_one_wins() {
    let (stack, _dir) = own_stack(&[]).await;
    let browser = Browser::new(stack.urls());
    let attempts: Vec<_> = (0..40)
        .map(|number| {
            let mut browser = browser.clone();
            let name = format!("Admin {number}");
            let body = json!({ "name": name, "email": fresh_email(), "password": PASSWORD });
            tokio::spawn(async move { browser.post_patiently("/api/setup", &body).await })
        })
        .collect();
    restarts_by(&stack, Signal::QUIT).await;
    let mut won = 0;
    for attempt in attempts {
        let answer = attempt.await.expect("no panic");
        won += usize::from(answer.status == 201);
        if answer.status != 201 {
            answer.expect_error(400, "System is already initialized");
        }
    }
    // None, if the winner's answer was lost with the connection.
    assert!(won <= 1, "{won} have won");
    let status = browser.clone().get("/api/admin/status").await.expect(200).json();
    assert_eq!(status, json!({ "initialized": true, "hasAdmin": true, "userCount": 1 }));
}

/// A backup code is used by many at once while Postgres crashes: it opens one session at
/// most, and is used up if it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_backup_code_is_good_once_over_a_crash() {
    const VERIFY: &str = "/api/auth/two-factor/verify-backup-code";
    let (stack, _dir) = own_stack(&[("RATE_LIMIT", "off")]).await;
    let stores = Stores::open(stack.urls()).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let app = user.enrols(&stores).await;
    let code = json!({ "code": app.backup_codes[0] });
    let mut challenged = Vec::new();
    for _ in 0..8 {
        let mut browser = Browser::new(stack.urls());
        browser.sign_in(&user.email, PASSWORD).await.expect(200);
        challenged.push(browser);
    }
    let using: Vec<_> = challenged
        .into_iter()
        .map(|mut browser| {
            let code = code.clone();
            tokio::spawn(async move {
                let mut pace = e2e::tick();
                loop {
                    pace.tick().await;
                    let answer = browser.post(VERIFY, &code).await;
                    if !answer.is_clean_outage() {
                        return (browser, answer);
                    }
                }
            })
        })
        .collect();
    restarts_by(&stack, Signal::QUIT).await;
    let mut opened = 0;
    for using in using {
        let (mut browser, answer) = using.await.expect("no panic");
        let is_in = browser.is_signed_in().await;
        assert_eq!(is_in, answer.status == 200, "{answer:?}");
        opened += usize::from(is_in);
    }
    assert!(opened <= 1, "{opened} sessions by one code");
    let mut again = Browser::new(stack.urls());
    again.sign_in(&user.email, PASSWORD).await.expect(200);
    let answer = again.post(VERIFY, &code).await;
    assert_ne!(answer.status, 200, "the code is good again");
    assert!(!answer.is_clean_outage(), "{answer:?}");
}

/// Nobody holds one connection and waits for another.
#[tokio::test(flavor = "multi_thread")]
async fn one_connection_for_each_service_is_slow_and_enough() {
    let env = [PRODUCTION, &[("DATABASE_MAX_CONNECTIONS", "1")]].concat();
    let (stack, _dir) = own_stack(&env).await;
    let crowd = Crowd::gather(&stack, CROWD).await;
    crowd.goes_on().await;
    crowd.disperse(&stack).await;
}
