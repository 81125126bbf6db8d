//! `GET /api/auth/get-session`

use std::time::Duration;

use e2e::{Browser, CLEARED, PASSWORD, expect_session, expect_user, keys, seconds_between, shared};
use reqwest::Method;
use serde_json::{Value, json};

use super::{
    COOKIE, GET_SESSION, LIST, SECOND, WEEK_SECS, expect_null, expect_over, expect_unauthorized,
    stores, user,
};

#[tokio::test]
async fn a_session_and_its_user_are_shown_as_the_contract_has_them() {
    let mut browser = Browser::new(&shared().await);
    let body = json!({ "name": "Ann", "email": e2e::fresh_email(), "password": PASSWORD });
    let request = browser.request(Method::POST, "/api/auth/sign-up/email").json(&body);
    let request = request.header("user-agent", "Sailor/7.0 (é)");
    let signed_up = browser.send(request).await.expect(200).json();

    let answer = browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    assert_eq!(answer.set_cookies(), [""; 0]);
    let body = answer.json();
    assert_eq!(keys(&body), ["session", "user"]);
    expect_session(&body["session"]);
    expect_user(&body["user"]);
    assert_eq!(body["user"], signed_up["user"]);
    assert_eq!(body["session"]["token"], signed_up["token"]);
    assert_eq!(body["session"]["userId"], signed_up["user"]["id"]);
    assert_eq!(body["session"]["userAgent"], "Sailor/7.0 (é)");
    assert_eq!(body["session"]["ipAddress"], "127.0.0.1");
    assert_eq!(body["session"]["impersonatedBy"], Value::Null);
    assert_eq!(
        seconds_between(&body["session"]["createdAt"], &body["session"]["expiresAt"]),
        WEEK_SECS
    );
}

#[tokio::test]
async fn without_a_user_agent_there_is_an_empty_one() {
    let mut user = user().await;
    assert_eq!(user.browser.session().await["session"]["userAgent"], "");
}

#[tokio::test]
async fn nobody_is_null() {
    let mut browser = Browser::new(&shared().await);
    let answer = browser.get(GET_SESSION).await;
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("pragma"), Some("no-cache"));
    expect_null(answer);
}

#[tokio::test]
async fn a_forged_cookie_is_left_alone() {
    let mut user = user().await;
    let forged = format!("{}.{}%3D", user.token, "A".repeat(43));
    user.browser.cookies.insert(COOKIE.to_owned(), forged);
    expect_null(user.browser.get(GET_SESSION).await);
    for path in [LIST, "/api/ws/token", "/api/servers"] {
        let answer = user.browser.get(path).await.expect(401);
        assert_eq!(answer.set_cookies(), [""; 0], "{path}");
    }
}

#[tokio::test]
async fn a_signed_cookie_of_no_session_is_cleared() {
    let mut user = user().await;
    let cookies = user.browser.cookies.clone();
    stores().await.erase_session(&user.token).await;
    for _ in 0..2 {
        user.browser.cookies.clone_from(&cookies);
        expect_over(user.browser.get(GET_SESSION).await);
    }
    user.browser.cookies = cookies;
    let answer = user.browser.get(LIST).await;
    expect_unauthorized(&answer);
    assert_eq!(answer.set_cookies(), CLEARED);
}

#[tokio::test]
async fn a_session_is_over_at_its_expiry_whatever_redis_remembers() {
    let mut user = user().await;
    let cookies = user.browser.cookies.clone();
    let mut stores = stores().await;
    stores.age_session(&user.token, Duration::from_secs(WEEK_SECS) + SECOND).await;
    assert_eq!(stores.copy(&user.token).await.expect("a copy")["state"], "live");

    user.browser.get("/api/servers").await.expect_error(401, "Unauthorized");
    user.browser.get("/api/ws/token").await.expect_error(401, "Not authenticated");
    expect_over(user.browser.get(GET_SESSION).await);
    user.browser.cookies = cookies;
    let answer = user.browser.get(LIST).await;
    expect_unauthorized(&answer);
    assert_eq!(answer.set_cookies(), CLEARED);
}

#[tokio::test]
async fn a_session_without_a_copy_is_found_and_copied_again() {
    let mut user = user().await;
    let mut stores = stores().await;
    stores.forget_copy(&user.token).await;
    assert!(user.browser.is_signed_in().await);
    assert_eq!(stores.copy(&user.token).await.expect("a copy")["state"], "live");
}

#[tokio::test]
async fn get_session_is_not_posted() {
    let mut user = user().await;
    let expected = json!({
        "message": "POST method requires deferSessionRefresh to be enabled in session config",
        "code": "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED",
    });
    for browser in [&mut Browser::new(&shared().await), &mut user.browser] {
        let answer = browser.post(GET_SESSION, &json!({})).await.expect(405);
        assert_eq!(answer.json(), expected);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("pragma"), Some("no-cache"));
    }
}
