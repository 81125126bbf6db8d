//! `POST /api/auth/delete-user` and its callback, where users may not delete themselves

use e2e::{Browser, PASSWORD, shared};
use serde_json::json;

#[tokio::test]
async fn nobody_deletes_themselves_unless_the_operator_allows_it() {
    let mut user = Browser::new(&shared().await).sign_up().await;
    for body in [json!({}), json!({ "password": PASSWORD }), json!({ "token": "x" })] {
        user.browser.post("/api/auth/delete-user", &body).await.expect_empty(404);
    }
    let callback = "/api/auth/delete-user/callback";
    user.browser.get(&format!("{callback}?token=x")).await.expect_code(404, "NOT_FOUND");
    let evil = format!("{callback}?token=x&callbackURL=https:%2F%2Fevil.example");
    user.browser.get(&evil).await.expect_code(403, "INVALID_CALLBACK_URL");
    assert!(user.browser.is_signed_in().await);
    let mut nobody = Browser::new(&shared().await);
    nobody.post("/api/auth/delete-user", &json!({})).await.expect_code(401, "UNAUTHORIZED");
}
