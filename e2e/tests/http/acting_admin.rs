//! An admin who acts as a user does not decide how that user signs in

use e2e::{Browser, PASSWORD, User, admin, shared};
use serde_json::{Value, json};

/// An admin in the session of a user.
async fn acting() -> (User, User) {
    let urls = shared().await;
    let (mut admin, user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    admin.asks_about("impersonate-user", &user.id).await.expect(200);
    (admin, user)
}

#[tokio::test]
async fn who_acts_as_a_user_changes_neither_password_nor_address_nor_accounts() {
    let (mut admin, user) = acting().await;
    assert_eq!(admin.browser.session().await["user"]["id"], user.id);
    for (path, body) in [
        (
            "change-password",
            json!({ "currentPassword": PASSWORD, "newPassword": "another battery horse" }),
        ),
        ("change-email", json!({ "newEmail": "eve@example.com" })),
        ("delete-user", json!({ "password": PASSWORD })),
        ("delete-user", json!({ "token": "x" })),
        ("unlink-account", json!({ "accountId": "x" })),
    ] {
        let answer = admin.browser.post(&format!("/api/auth/{path}"), &body).await;
        answer.expect_code(403, "NOT_ALLOWED_WHILE_IMPERSONATING");
    }
    Browser::new(&shared().await).sign_in(&user.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn acting_as_a_user_stays_an_hour_whatever_is_changed() {
    let (mut admin, _) = acting().await;
    let before = admin.browser.session().await["session"].clone();
    let answer =
        admin.browser.post("/api/auth/update-user", &json!({ "name": "Helped" })).await.expect(200);
    let lines = answer.set_cookies();
    assert!(!lines[0].contains("Max-Age") && lines[1].contains("dont_remember=true"), "{lines:?}");
    // Not even when the browser forgets that it was not to be remembered.
    admin.browser.cookies.remove("better-auth.dont_remember");
    admin.browser.post("/api/auth/update-user", &json!({ "image": Value::Null })).await.expect(200);
    assert_eq!(admin.browser.session().await["session"]["expiresAt"], before["expiresAt"]);
}
