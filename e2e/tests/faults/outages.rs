//! Every part killed and started again: what works without it, and that all of it
//! comes back by itself with nothing lost that was acknowledged.

use e2e::{Answer, Browser, PASSWORD, own_stack};
use serde_json::json;
use stack::Process;

#[tokio::test]
async fn everything_can_be_killed_and_comes_back_by_itself() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut users = vec![Browser::new(stack.urls()).sign_up().await];
    for process in Process::ALL {
        stack.kill(process).await;
        stack.launch(process).await;
        stack.wait_ready().await.unwrap_or_else(|error| panic!("after {process}: {error:#}"));
        for user in &mut users {
            assert!(user.browser.is_signed_in().await, "signed out by the death of {process}");
            user.browser.get("/api/servers").await.expect(200);
        }
        users.push(Browser::new(stack.urls()).sign_up().await);
    }
    for user in &mut users {
        Browser::new(stack.urls()).sign_in(&user.email, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn live_sessions_go_on_without_postgres_nats_and_every_service() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let away = [
        Process::Postgres,
        Process::Nats,
        Process::Identity,
        Process::Session,
        Process::Mfa,
        Process::Mailer,
    ];
    for process in away {
        stack.kill(process).await;
        assert!(user.browser.is_signed_in().await, "without {process}");
        user.browser.get("/api/servers").await.expect(200);
    }
    // What needs them says so, and takes nothing away.
    for (path, body) in [
        ("/api/auth/sign-in/email", json!({ "email": user.email, "password": PASSWORD })),
        ("/api/auth/sign-out", json!({})),
        ("/api/auth/two-factor/enable", json!({})),
    ] {
        let answer = user.browser.post(path, &body).await;
        assert!(answer.is_clean_outage(), "{path}: {answer:?}");
    }
    let answer = user.browser.post("/api/setup", &json!({})).await;
    assert!(answer.is_clean_outage() && answer.json()["error"].is_string(), "{answer:?}");
}

#[tokio::test]
async fn without_nats_a_session_can_still_be_ended() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    stack.kill(Process::Nats).await;
    let mut thief = user.browser.clone();
    user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert!(!thief.is_signed_in().await, "the session is alive after it was ended");
}

#[tokio::test]
async fn without_postgres_signing_in_is_an_outage_and_not_a_refusal() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    stack.kill(Process::Postgres).await;
    let answer = Browser::new(stack.urls()).sign_in(&user.email, PASSWORD).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    let body = json!({ "name": "B", "email": e2e::fresh_email(), "password": PASSWORD });
    let answer = Browser::new(stack.urls()).post("/api/auth/sign-up/email", &body).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    let answer = Browser::new(stack.urls()).get("/api/admin/status").await;
    assert!(answer.is_clean_outage(), "{answer:?}");
}

/// Readiness is what an orchestrator goes by.
#[tokio::test]
async fn a_service_without_its_stores_is_alive_but_not_ready() {
    let (stack, _dir) = own_stack(&[]).await;
    for (store, dependents) in [
        (Process::Postgres, vec![Process::Identity, Process::Session, Process::Mfa]),
        (Process::Redis, vec![Process::Gateway, Process::Session]),
        (
            Process::Nats,
            vec![
                Process::Gateway,
                Process::Identity,
                Process::Session,
                Process::Mfa,
                Process::Mailer,
            ],
        ),
    ] {
        stack.kill(store).await;
        for dependent in dependents {
            let not_ready = || async { (!stack.is_ready(dependent).await).then_some(()) };
            e2e::eventually(not_ready)
                .await
                .unwrap_or_else(|| panic!("{dependent} is ready without {store}"));
            let livez = format!("{}/livez", stack.urls().admin[&dependent]);
            let alive = reqwest::get(livez).await.expect("an answer").status();
            assert_eq!(alive, 200, "{dependent} without {store}");
        }
        stack.launch(store).await;
        stack.wait_ready().await.expect("ready again");
    }
}

/// More sign-ins than can be hashed: the rest is told at once, and whoever is
/// signed in notices nothing.
#[tokio::test]
async fn a_flood_of_sign_ins_slows_nobody_else() {
    let (stack, _dir) = own_stack(&[("BCRYPT_QUEUE", "4"), ("BCRYPT_THREADS", "1")]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let attempts = (0..100).map(|_| {
        // Each for another address: of one, ten wrong passwords are judged.
        let mut browser = Browser::new(stack.urls());
        async move { browser.sign_in(&e2e::fresh_email(), "not the password").await }
    });
    let flood = tokio::spawn(futures_util::future::join_all(attempts.collect::<Vec<_>>()));
    for _ in 0..20 {
        assert!(user.browser.is_signed_in().await);
    }
    let answers = flood.await.expect("the flood ends");
    let turned_away = answers.iter().filter(|answer| answer.status == 503).count();
    let judged = answers.iter().filter(|answer| answer.status == 401).count();
    assert_eq!(turned_away + judged, 100, "{answers:?}");
    assert!(turned_away > 0 && judged > 0, "turned away {turned_away}, judged {judged}");
    let outages = answers.iter().filter(|answer| answer.status == 503);
    assert!(outages.clone().all(Answer::is_clean_outage), "{answers:?}");
    // On a slow machine some wait in vain for Postgres.
    let busy = outages.filter(|answer| answer.json()["code"] == "SERVICE_BUSY").count();
    assert!(busy > 0, "{answers:?}");
}

/// A service's port is no way in, even for who can reach it.
#[tokio::test]
async fn services_talk_to_the_gateway_only() {
    let (stack, _dir) = own_stack(&[]).await;
    for process in [Process::Identity, Process::Session, Process::Mfa] {
        let admin: url::Url = stack.urls().admin[&process].parse().expect("a URL");
        let port = admin.port().expect("a port") - 1;
        let url = format!("http://127.0.0.1:{port}/api/admin/status");
        for key in ["", "guessed"] {
            let request = reqwest::Client::new().get(&url).header("x-gateway-key", key);
            assert_eq!(request.send().await.expect("an answer").status(), 404, "{process}");
        }
        assert_eq!(reqwest::get(&url).await.expect("an answer").status(), 404, "{process}");
    }
}
