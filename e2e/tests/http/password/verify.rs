//! `POST /api/auth/verify-password`

use e2e::{Browser, PASSWORD, Stores, shared};
use serde_json::json;

use super::new_user;

const PATH: &str = "/api/auth/verify-password";

#[tokio::test]
async fn only_the_users_own_password_is_right() {
    let mut user = new_user().await;
    let answer = user.browser.post(PATH, &json!({ "password": PASSWORD })).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    for wrong in ["", "wrong horse", &PASSWORD[1..], &PASSWORD.to_uppercase()] {
        user.browser
            .post(PATH, &json!({ "password": wrong }))
            .await
            .expect_code(400, "INVALID_PASSWORD");
    }
    let long = json!({ "password": "a".repeat(129) });
    user.browser.post(PATH, &long).await.expect_code(400, "PASSWORD_TOO_LONG");
    user.browser.post(PATH, &json!({ "password": 1 })).await.expect_code(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn who_has_no_password_is_told_no_more_than_who_got_it_wrong() {
    let mut user = new_user().await;
    let stores = Stores::open(&shared().await).await;
    let emptied = sqlx::query("DELETE FROM identity.account WHERE user_id = $1").bind(&user.id);
    emptied.execute(&stores.db).await.expect("the account is gone");
    user.browser
        .post(PATH, &json!({ "password": PASSWORD }))
        .await
        .expect_code(400, "INVALID_PASSWORD");
}

#[tokio::test]
async fn nobody_checks_a_password_without_a_session() {
    let mut nobody = Browser::new(&shared().await);
    nobody.post(PATH, &json!({ "password": PASSWORD })).await.expect_code(401, "UNAUTHORIZED");
}
