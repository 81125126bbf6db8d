//! The main job in one go: sign up, sign in, use the application, sign out.

use e2e::{Browser, PASSWORD, shared};
use serde_json::json;

#[tokio::test]
async fn a_user_signs_up_works_and_signs_out() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;

    let session = user.browser.session().await;
    assert_eq!(session["session"]["token"], user.token);
    assert_eq!(session["user"]["email"], user.email);

    let servers = user.browser.get("/api/servers").await.expect(200).json();
    assert_eq!(servers["user"]["id"], user.id);

    let ticket = user.browser.get("/api/ws/token").await.expect(200).json();
    assert_eq!(ticket["userId"], user.id);

    let cookie = user.browser.cookies.clone();
    let answer = user.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert_eq!(answer.json(), json!({ "success": true }));
    assert!(user.browser.cookies.is_empty());

    user.browser.cookies = cookie;
    assert!(!user.browser.is_signed_in().await, "the old cookie still signs in");
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
    assert!(user.browser.is_signed_in().await);
}
