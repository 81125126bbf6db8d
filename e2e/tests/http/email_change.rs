//! `POST /api/auth/change-email`, where addresses may not be changed

use e2e::{Browser, fresh_email, mails_to, shared};
use serde_json::json;

const PATH: &str = "/api/auth/change-email";

#[tokio::test]
async fn an_address_can_not_be_changed_unless_the_operator_allows_it() {
    let mut user = Browser::new(&shared().await).sign_up().await;
    let new_email = fresh_email();
    let answer = user.browser.post(PATH, &json!({ "newEmail": new_email })).await;
    answer.expect_code(400, "CHANGE_EMAIL_DISABLED");
    assert!(mails_to(&shared().await.outbox, &new_email).is_empty());
    user.browser
        .post(PATH, &json!({ "newEmail": "nobody" }))
        .await
        .expect_code(400, "VALIDATION_ERROR");
    let evil = json!({ "newEmail": new_email, "callbackURL": "https://evil.example" });
    user.browser.post(PATH, &evil).await.expect_code(403, "INVALID_CALLBACK_URL");
    let mut nobody = Browser::new(&shared().await);
    nobody.post(PATH, &json!({ "newEmail": new_email })).await.expect_code(401, "UNAUTHORIZED");
}
