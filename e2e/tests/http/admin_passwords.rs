//! Passwords that an admin sets.

use e2e::{Browser, PASSWORD, admin, fresh_email, shared};
use serde_json::json;

const NEW: &str = "another horse battery";

#[tokio::test]
async fn a_set_password_is_the_only_one_and_ends_every_session() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let body = json!({ "userId": user.id, "newPassword": NEW });
    let answer = admin.asks_admin("set-user-password", body).await.expect(200).json();
    assert_eq!(answer, json!({ "status": true }));
    user.browser.get("/api/servers").await.expect(401);
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    user.browser.sign_in(&user.email, NEW).await.expect(200);
}

#[tokio::test]
async fn who_had_no_password_gets_one() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    let email = fresh_email();
    let made = admin
        .asks_admin("create-user", json!({ "email": email, "name": "Bob" }))
        .await
        .expect(200)
        .json();
    let mut browser = Browser::new(&urls);
    browser.sign_in(&email, NEW).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    let body = json!({ "userId": made["user"]["id"], "newPassword": NEW });
    admin.asks_admin("set-user-password", body).await.expect(200);
    browser.sign_in(&email, NEW).await.expect(200);
}

#[tokio::test]
async fn passwords_that_may_not_be_set_are_refused() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let set = |password: &str| json!({ "userId": user.id, "newPassword": password });
    for (password, code) in
        [("short", "PASSWORD_TOO_SHORT"), (&*"x".repeat(73), "PASSWORD_TOO_LONG")]
    {
        admin.asks_admin("set-user-password", set(password)).await.expect_code(400, code);
    }
    let answer =
        admin.asks_admin("set-user-password", json!({ "userId": "", "newPassword": "" })).await;
    let answer = answer.expect_code(400, "VALIDATION_ERROR").json();
    let expected =
        "[body.newPassword] newPassword cannot be empty; [body.userId] userId cannot be empty";
    assert_eq!(answer["message"], expected);
    let body = json!({ "userId": "unknown", "newPassword": NEW });
    admin.asks_admin("set-user-password", body).await.expect_code(404, "USER_NOT_FOUND");
    assert!(user.browser.is_signed_in().await);
}
