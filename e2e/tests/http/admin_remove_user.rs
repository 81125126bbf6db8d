//! Removing users with everything that is theirs.

use e2e::{Browser, PASSWORD, Stores, admin, shared};
use serde_json::json;

#[tokio::test]
async fn a_removed_user_is_gone_with_sessions_and_accounts() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    user.browser.get("/api/servers").await.expect(200);
    let answer = admin.asks_about("remove-user", &user.id).await.expect(200).json();
    assert_eq!(answer, json!({ "success": true }));

    user.browser.get("/api/servers").await.expect(401);
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    admin.looks_up("get-user", &format!("id={}", user.id)).await.expect_code(404, "USER_NOT_FOUND");
    admin.asks_about("remove-user", &user.id).await.expect_code(404, "USER_NOT_FOUND");
    let db = Stores::open(&urls).await.db;
    for table in ["identity.account", "session.session"] {
        let count = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table} WHERE user_id = $1"));
        let left: i64 =
            sqlx::query_scalar(count).bind(&user.id).fetch_one(&db).await.expect("a number");
        assert_eq!(left, 0, "{table}");
    }
    // The address is free again, and its new owner is somebody else.
    let body = json!({ "name": "Bob", "email": user.email, "password": PASSWORD });
    let anew = Browser::new(&urls).post("/api/auth/sign-up/email", &body).await.expect(200).json();
    assert_ne!(anew["user"]["id"], user.id);
}

#[tokio::test]
async fn a_sign_in_that_races_a_removal_leaves_no_session() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    for _ in 0..8 {
        let user = Browser::new(&urls).sign_up().await;
        let mut browser = Browser::new(&urls);
        let (removed, _) = tokio::join!(
            admin.asks_about("remove-user", &user.id),
            browser.sign_in(&user.email, PASSWORD)
        );
        removed.expect(200);
        assert!(!browser.is_signed_in().await, "a removed user is signed in");
    }
}
