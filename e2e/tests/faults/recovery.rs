//! `POST /api/admin/reset-password`: a way back in for who holds the recovery key.

use std::path::Path;

use e2e::{Answer, Browser, PASSWORD, User, eventually, mail_to, own_stack};
use rand::RngExt;
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Process, Stack};

const PATH: &str = "/api/admin/reset-password";
const KEY: &str = "the-recovery-key-of-this-test";
const NEW_PASSWORD: &str = "a new battery staple";

/// Asks from an address of its own, because each may ask five times.
async fn recover(browser: &Browser, body: &Value) -> Answer {
    let network: (u16, u16) = (rand::rng().random(), rand::rng().random());
    recover_from(browser, &format!("2001:db8:{:x}:{:x}::1", network.0, network.1), body).await
}

async fn recover_from(browser: &Browser, address: &str, body: &Value) -> Answer {
    let request = browser.request(Method::POST, PATH).header("x-forwarded-for", address);
    browser.clone().send(request.json(body)).await
}

fn body(user: &User, key: &str) -> Value {
    json!({ "email": user.email, "newPassword": NEW_PASSWORD, "recoveryKey": key })
}

fn log_of(stack: &Stack, process: Process) -> String {
    std::fs::read_to_string(stack.log_file(process)).expect("a log")
}

#[tokio::test]
async fn faults_are_told_in_the_contracts_order() {
    let (stack, _dir) = own_stack(&[("ADMIN_RECOVERY_KEY", KEY)]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let browser = Browser::new(stack.urls());
    let missing = "Email, new password, and recovery key are required";
    let short = "Password must be at least 8 characters";
    for (body, status, error) in [
        (json!({}), 400, missing),
        (json!({ "email": user.email, "newPassword": NEW_PASSWORD }), 400, missing),
        (json!({ "email": user.email, "newPassword": "", "recoveryKey": KEY }), 400, missing),
        (
            json!({ "email": [user.email], "newPassword": NEW_PASSWORD, "recoveryKey": KEY }),
            400,
            missing,
        ),
        (
            json!({ "email": user.email, "newPassword": "short", "recoveryKey": "wrong" }),
            403,
            "Invalid recovery key",
        ),
        (
            json!({ "email": "unknown@example.com", "newPassword": NEW_PASSWORD, "recoveryKey": "wrong" }),
            403,
            "Invalid recovery key",
        ),
        (
            json!({ "email": user.email, "newPassword": NEW_PASSWORD, "recoveryKey": &KEY[1..] }),
            403,
            "Invalid recovery key",
        ),
        (
            json!({ "email": user.email, "newPassword": NEW_PASSWORD, "recoveryKey": KEY.to_uppercase() }),
            403,
            "Invalid recovery key",
        ),
        (
            json!({ "email": "unknown@example.com", "newPassword": "short", "recoveryKey": KEY }),
            400,
            short,
        ),
        (
            json!({ "email": user.email, "newPassword": "a".repeat(73), "recoveryKey": KEY }),
            400,
            "Password must be at most 72 bytes",
        ),
        (
            json!({ "email": "unknown@example.com", "newPassword": NEW_PASSWORD, "recoveryKey": KEY }),
            404,
            "User not found",
        ),
        (
            json!({ "email": "nobody", "newPassword": NEW_PASSWORD, "recoveryKey": KEY }),
            404,
            "User not found",
        ),
    ] {
        recover(&browser, &body).await.expect_error(status, error);
    }
    let foreign = browser.clone().on_page_of(Some("https://evil.com"));
    recover(&foreign, &body(&user, KEY)).await.expect_error(403, "Invalid origin");
    browser.clone().sign_in(&user.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_recovery_sets_the_password_and_ends_every_session() {
    let (stack, _dir) = own_stack(&[("ADMIN_RECOVERY_KEY", KEY)]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let mut stranger = Browser::new(stack.urls()).sign_up().await;
    let mut other = Browser::new(stack.urls());
    other.sign_in(&user.email, PASSWORD).await.expect(200);
    assert!(user.browser.is_signed_in().await && other.is_signed_in().await);

    let answer = recover(&Browser::new(stack.urls()), &body(&user, KEY)).await.expect(200);
    let message = "Password has been reset successfully. You can now login with your new password.";
    assert_eq!(answer.json(), json!({ "success": true, "message": message }));
    assert!(answer.set_cookies().is_empty(), "{answer:?}");

    assert!(!user.browser.is_signed_in().await && !other.is_signed_in().await);
    assert!(stranger.browser.is_signed_in().await);
    let mut browser = Browser::new(stack.urls());
    browser.sign_in(&user.email, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    browser.sign_in(&user.email, NEW_PASSWORD).await.expect(200);
    assert!(browser.is_signed_in().await);

    let mail = mail_to(&stack.urls().outbox, &user.email).await;
    assert!(mail.contains("Subject: Your password was reset"), "{mail}");
    assert!(!mail.contains(NEW_PASSWORD) && !mail.contains(KEY), "{mail}");
}

#[tokio::test]
async fn a_user_without_a_password_gets_one() {
    let (stack, _dir) = own_stack(&[("ADMIN_RECOVERY_KEY", KEY)]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let stores = e2e::Stores::open(stack.urls()).await;
    sqlx::query("DELETE FROM identity.account WHERE user_id = $1")
        .bind(&user.id)
        .execute(&stores.db)
        .await
        .expect("Postgres answers");
    let mut browser = Browser::new(stack.urls());
    browser.sign_in(&user.email, PASSWORD).await.expect(401);
    recover(&browser, &body(&user, KEY)).await.expect(200);
    browser.sign_in(&user.email, NEW_PASSWORD).await.expect(200);
}

#[tokio::test]
async fn guessing_ends_after_five_tries_even_where_limits_are_off() {
    let (stack, _dir) = own_stack(&[("ADMIN_RECOVERY_KEY", KEY), ("RATE_LIMIT", "off")]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let browser = Browser::new(stack.urls());
    for _ in 0..5 {
        let answer = recover_from(&browser, "203.0.113.1", &body(&user, "wrong")).await;
        answer.expect_error(403, "Invalid recovery key");
    }
    // Also the right key comes too late now, from anywhere but another address.
    let answer = recover_from(&browser, "203.0.113.1", &body(&user, KEY)).await;
    let answer = answer.expect_error(429, "Too many requests. Please try again later.");
    let seconds: u64 = answer.header("retry-after").expect("when").parse().expect("a number");
    assert!((3500..=3600).contains(&seconds), "{seconds}");
    assert_eq!(answer.header("x-retry-after"), answer.header("retry-after"));
    browser.clone().sign_in(&user.email, PASSWORD).await.expect(200);
    recover_from(&browser, "203.0.113.2", &body(&user, KEY)).await.expect(200);
}

#[tokio::test]
async fn a_recovery_is_in_the_security_log_without_its_secrets() {
    let (stack, dir) = own_stack(&[("ADMIN_RECOVERY_KEY", KEY), ("LOG_FORMAT", "json")]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let browser = Browser::new(stack.urls());
    recover_from(&browser, "203.0.113.7", &body(&user, "a-wrong-recovery-key")).await.expect(403);
    recover_from(&browser, "203.0.113.8", &body(&user, KEY)).await.expect(200);

    let line = |needles: &'static [&str]| {
        let stack = &stack;
        eventually(move || async move {
            let log = log_of(stack, Process::Identity);
            let found = log.lines().find(|line| needles.iter().all(|needle| line.contains(needle)));
            found.map(str::to_owned)
        })
    };
    let refused = line(&["\"target\":\"security\"", "a wrong recovery key was given"]).await;
    assert!(refused.expect("a line for the wrong key").contains("203.0.113.7"));
    let done = line(&["\"target\":\"security\"", "a password was set with the recovery key"]).await;
    let done = done.expect("a line for the reset");
    assert!(done.contains(&user.id) && done.contains("203.0.113.8"), "{done}");

    for secret in [KEY, "a-wrong-recovery-key", NEW_PASSWORD, PASSWORD, user.token.as_str()] {
        expect_unlogged(dir.path(), secret);
    }
}

fn expect_unlogged(dir: &Path, secret: &str) {
    for log in std::fs::read_dir(dir.join("logs")).expect("logs") {
        let log = log.expect("a log").path();
        let text = std::fs::read(&log).expect("a log");
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(secret), "{} tells {secret:?}", log.display());
    }
}
