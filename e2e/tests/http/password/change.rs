//! `POST /api/auth/change-password`

use e2e::{PASSWORD, expect_session_cookie, expect_user, keys, mail_about, shared, text};
use serde_json::{Value, json};

use super::{CHANGED_SUBJECT, NEW_PASSWORD, expect_new_password, new_user, signed_in};

const PATH: &str = "/api/auth/change-password";

fn change(new: &str) -> Value {
    json!({ "currentPassword": PASSWORD, "newPassword": new })
}

#[tokio::test]
async fn a_changed_password_ends_every_other_session_and_keeps_the_callers() {
    let mut user = new_user().await;
    let mut other = signed_in(&user).await;
    let before = user.browser.cookies.clone();
    let answer = user.browser.post(PATH, &change(NEW_PASSWORD)).await.expect(200);

    let body = answer.json();
    assert_eq!(keys(&body), ["token", "user"]);
    assert_eq!(body["token"], Value::Null);
    expect_user(&body["user"]);
    assert!(answer.set_cookies().is_empty());
    assert_eq!(user.browser.cookies, before);
    assert!(user.browser.is_signed_in().await);
    assert!(!other.is_signed_in().await, "another session outlived the password");
    other.get("/api/servers").await.expect(401);
    expect_new_password(&user.email).await;
    mail_about(&shared().await.outbox, &user.email, CHANGED_SUBJECT).await;
}

#[tokio::test]
async fn who_asks_for_it_gets_a_new_session_for_the_old_one_too() {
    let mut user = new_user().await;
    let (mut other, mut before) = (signed_in(&user).await, user.browser.clone());
    let mut body = change(NEW_PASSWORD);
    body["revokeOtherSessions"] = true.into();
    let answer = user.browser.post(PATH, &body).await.expect(200);

    let token = answer.json()["token"].clone();
    assert_ne!(token, user.token);
    expect_session_cookie(&answer.set_cookies()[0], text(&token), Some(604_800));
    assert_eq!(user.browser.session().await["session"]["token"], token);
    for browser in [&mut other, &mut before] {
        assert!(!browser.is_signed_in().await, "a session outlived the password");
    }
}

#[tokio::test]
async fn a_session_that_was_not_to_be_remembered_is_replaced_by_another_such() {
    let user = new_user().await;
    let mut browser = e2e::Browser::new(&shared().await);
    let body = json!({ "email": user.email, "password": PASSWORD, "rememberMe": false });
    browser.post("/api/auth/sign-in/email", &body).await.expect(200);
    let mut body = change(NEW_PASSWORD);
    body["revokeOtherSessions"] = true.into();
    let answer = browser.post(PATH, &body).await.expect(200);
    let lines = answer.set_cookies();
    expect_session_cookie(&lines[0], text(&answer.json()["token"]), None);
    assert!(lines[1].starts_with("better-auth.dont_remember=true."), "{lines:?}");
    let session = &browser.session().await["session"];
    assert_eq!(e2e::seconds_between(&session["createdAt"], &session["expiresAt"]), 86_400);
}

#[tokio::test]
async fn what_may_not_be_set_is_refused_before_the_current_password_is_looked_at() {
    let mut user = new_user().await;
    for (new, code) in [
        ("1234567".to_owned(), "PASSWORD_TOO_SHORT"),
        ("a".repeat(73), "PASSWORD_TOO_LONG"),
        ("é".repeat(37), "PASSWORD_TOO_LONG"),
        ("a".repeat(60_000), "PASSWORD_TOO_LONG"),
    ] {
        let body = json!({ "currentPassword": "wrong", "newPassword": new });
        user.browser.post(PATH, &body).await.expect_code(400, code);
    }
    let body = json!({ "currentPassword": "wrong", "newPassword": "before\0after" });
    user.browser.post(PATH, &body).await.expect_code(400, "VALIDATION_ERROR");
    let body = json!({ "currentPassword": "a".repeat(129), "newPassword": NEW_PASSWORD });
    user.browser.post(PATH, &body).await.expect_code(400, "PASSWORD_TOO_LONG");
    let body = json!({ "currentPassword": "wrong", "newPassword": NEW_PASSWORD });
    user.browser.post(PATH, &body).await.expect_code(400, "INVALID_PASSWORD");
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn a_body_is_judged_before_the_session_and_the_session_before_the_password() {
    let mut nobody = e2e::Browser::new(&shared().await);
    nobody.post(PATH, &json!({})).await.expect_code(400, "VALIDATION_ERROR");
    let body = json!({ "currentPassword": "x", "newPassword": "short" });
    nobody.post(PATH, &body).await.expect_code(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_user_without_a_password_has_none_to_change() {
    let mut user = new_user().await;
    let stores = e2e::Stores::open(&shared().await).await;
    let emptied = sqlx::query("UPDATE identity.account SET password = NULL WHERE user_id = $1")
        .bind(&user.id);
    emptied.execute(&stores.db).await.expect("the password is gone");
    let answer = user.browser.post(PATH, &change(NEW_PASSWORD)).await;
    answer.expect_code(400, "CREDENTIAL_ACCOUNT_NOT_FOUND");
}
