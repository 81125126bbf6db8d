//! What is secret is in a mail or in nothing

use std::path::Path;

use e2e::{Browser, fresh_email, mail_about, path_in};
use serde_json::json;

use super::allowing_stack;

/// Everything that the processes of a stack have logged.
fn logs(dir: &Path) -> String {
    let files = std::fs::read_dir(dir.join("logs")).expect("a folder of logs");
    let read =
        |file: std::io::Result<std::fs::DirEntry>| std::fs::read(file.expect("a log").path());
    files.map(|file| String::from_utf8_lossy(&read(file).expect("a log")).into_owned()).collect()
}

#[tokio::test]
async fn passwords_and_tokens_are_in_no_log() {
    let (stack, dir) = allowing_stack().await;
    let outbox = &stack.urls().outbox;
    let (mut user, new_email) = (Browser::new(stack.urls()).sign_up().await, fresh_email());
    let (canary, email) = ("canary-password-7f3a", user.email.clone());
    let mut post =
        async |path: &str, body| user.browser.post(&format!("/api/auth/{path}"), &body).await;

    post("change-email", json!({ "newEmail": new_email })).await.expect(200);
    post("delete-user", json!({})).await.expect(200);
    post("request-password-reset", json!({ "email": email })).await.expect(200);
    let verify = path_in(&mail_about(outbox, &new_email, "Confirm your new e-mail address").await);
    let delete = path_in(&mail_about(outbox, &email, "Confirm the deletion of your account").await);
    let reset = path_in(&mail_about(outbox, &email, "Choose a new password").await);
    let reset_token = reset.split(['/', '?']).nth(4).expect("a token").to_owned();
    let token_of = |path: &str| path.split(['=', '&']).nth(1).expect("a token").to_owned();
    let secrets = [
        canary.to_owned(),
        reset_token.clone(),
        token_of(&verify),
        token_of(&delete),
        user.token.clone(),
    ];

    let mut browser = Browser::new(stack.urls());
    browser.sign_in(&email, canary).await.expect(401);
    browser
        .post("/api/auth/sign-in/email", &json!({ "email": canary, "password": 1 }))
        .await
        .expect(400);
    for path in [&reset, &delete] {
        browser.get(path).await;
    }
    let body = json!({ "newPassword": canary, "token": reset_token });
    browser.post("/api/auth/reset-password", &body).await.expect(200);
    browser.get(&verify).await;
    browser.sign_in(&email, canary).await.expect(200);

    stack.shutdown().await;
    let logs = logs(dir.path());
    assert!(logs.contains("a password was reset by mail"), "the logs are elsewhere");
    for secret in secrets {
        assert!(!logs.contains(&secret), "{secret} is in a log");
    }
}
