//! Banning users, for a while or for ever.

use e2e::{Browser, CLEARED, PASSWORD, Stores, admin, expect_user, seconds_between, shared};
use serde_json::{Value, json};

#[tokio::test]
async fn a_ban_ends_every_session_and_keeps_the_user_out() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let mut elsewhere = Browser::new(&urls);
    elsewhere.sign_in(&user.email, PASSWORD).await.expect(200);
    for browser in [&mut user.browser, &mut elsewhere] {
        browser.get("/api/servers").await.expect(200);
    }
    let answer = admin.asks_about("ban-user", &user.id).await.expect(200).json();
    expect_user(&answer["user"]);
    assert_eq!(answer["user"]["banned"], true);
    assert_eq!(answer["user"]["banReason"], "No reason");
    assert_eq!(answer["user"]["banExpires"], Value::Null);

    for browser in [&mut user.browser, &mut elsewhere] {
        browser.get("/api/servers").await.expect(401);
        let answer = browser.get("/api/auth/get-session").await.expect(200);
        assert_eq!(
            (answer.body.as_str(), answer.set_cookies()),
            ("null", CLEARED.map(String::from).to_vec())
        );
    }
    let answer =
        user.browser.sign_in(&user.email, PASSWORD).await.expect_code(403, "BANNED_USER").json();
    let sentence = "You have been banned from this application. Please contact support if you believe this is an error.";
    assert_eq!(answer["message"], sentence);
    user.browser
        .sign_in(&user.email, "wrong horse battery")
        .await
        .expect_code(401, "INVALID_EMAIL_OR_PASSWORD");

    let answer = admin.asks_about("unban-user", &user.id).await.expect(200).json();
    assert_eq!(answer["user"]["banned"], false);
    assert_eq!(
        (&answer["user"]["banReason"], &answer["user"]["banExpires"]),
        (&Value::Null, &Value::Null)
    );
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
    assert!(!elsewhere.is_signed_in().await, "an ended session came back");
}

#[tokio::test]
async fn a_ban_has_a_reason_and_an_end() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let body = json!({ "userId": user.id, "banReason": "spam", "banExpiresIn": 3600 });
    let banned = admin.asks_admin("ban-user", body).await.expect(200).json()["user"].clone();
    assert_eq!(banned["banReason"], "spam");
    assert_eq!(seconds_between(&banned["updatedAt"], &banned["banExpires"]), 3600);
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(403, "BANNED_USER");

    let db = Stores::open(&urls).await.db;
    sqlx::query("UPDATE identity.user SET ban_expires = now() - interval '1 second', version = version + 1 WHERE id = $1")
        .bind(&user.id)
        .execute(&db)
        .await
        .expect("an hour passes");
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
    let after = user.browser.session().await["user"].clone();
    assert_eq!((&after["banned"], &after["banReason"]), (&json!(false), &Value::Null));
}

#[tokio::test]
async fn zero_seconds_are_for_ever_and_an_empty_reason_is_none() {
    let urls = shared().await;
    let (mut admin, user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let body = json!({ "userId": user.id, "banReason": "", "banExpiresIn": 0 });
    let banned = admin.asks_admin("ban-user", body).await.expect(200).json()["user"].clone();
    assert_eq!((&banned["banExpires"], &banned["banReason"]), (&Value::Null, &json!("No reason")));
}

#[tokio::test]
async fn what_is_no_duration_is_refused() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    for (given, problem) in [
        (json!("5"), "Invalid input: expected number, received string"),
        (json!(null), "Invalid input: expected number, received null"),
        (json!(-1), "Too small: expected number to be >=0"),
        (json!(1e300), "Too big: expected number to be <=3153600000"),
        (json!(9_007_199_254_740_991_i64), "Too big: expected number to be <=3153600000"),
    ] {
        let body = json!({ "userId": user.id, "banExpiresIn": given });
        let answer = admin.asks_admin("ban-user", body).await.expect_code(400, "VALIDATION_ERROR");
        assert_eq!(answer.json()["message"], format!("[body.banExpiresIn] {problem}"));
    }
    let body = json!({ "userId": user.id, "banReason": 5 });
    admin.asks_admin("ban-user", body).await.expect_code(400, "VALIDATION_ERROR");
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn nobody_to_ban_is_a_404() {
    let mut admin = admin(&shared().await).await;
    for route in ["ban-user", "unban-user"] {
        admin.asks_about(route, "unknown").await.expect_code(404, "USER_NOT_FOUND");
    }
}

/// A sign-in that raced the ban opens nothing that outlives it.
#[tokio::test]
async fn a_sign_in_that_races_a_ban_leaves_no_session() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    for _ in 0..8 {
        let user = Browser::new(&urls).sign_up().await;
        let sign_in = || async {
            let mut browser = Browser::new(&urls);
            browser.sign_in(&user.email, PASSWORD).await;
            browser
        };
        let (ban, mut one, mut other) =
            tokio::join!(admin.asks_about("ban-user", &user.id), sign_in(), sign_in());
        ban.expect(200);
        for browser in [&mut one, &mut other] {
            assert!(!browser.is_signed_in().await, "a banned user is signed in");
        }
    }
}
