//! Revoking sessions and signing out.

use e2e::{Browser, CLEARED, shared};
use serde_json::json;

use super::{
    COOKIE, GET_SESSION, LIST, REVOKE, REVOKE_ALL, REVOKE_OTHERS, SIGN_OUT, another, expect_done,
    expect_over, expect_unauthorized, list, stores, token, user,
};

#[tokio::test]
async fn a_session_is_revoked_by_its_handle() {
    let mut user = user().await;
    let mut other = another(&user).await;
    let handle = list(&mut user.browser).await[1]["token"].clone();
    let lines = expect_done(user.browser.post(REVOKE, &json!({ "token": handle })).await);
    assert_eq!(lines, [""; 0]);
    expect_over(other.get(GET_SESSION).await);
    assert!(user.browser.is_signed_in().await);
    assert_eq!(list(&mut user.browser).await.len(), 1);
}

#[tokio::test]
async fn revoking_ones_own_session_signs_out() {
    for by_token in [true, false] {
        let mut user = user().await;
        let other = another(&user).await;
        let cookies = user.browser.cookies.clone();
        let session = user.browser.session().await["session"].clone();
        let named = if by_token { &session["token"] } else { &session["id"] };
        let lines = expect_done(user.browser.post(REVOKE, &json!({ "token": named })).await);
        assert_eq!(lines, CLEARED);
        user.browser.cookies = cookies;
        expect_over(user.browser.get(GET_SESSION).await);
        assert!(other.clone().is_signed_in().await);
    }
}

#[tokio::test]
async fn another_session_is_revoked_by_its_token_too() {
    let mut user = user().await;
    let mut other = another(&user).await;
    let token = token(&mut other).await;
    assert_eq!(expect_done(user.browser.post(REVOKE, &json!({ "token": token })).await), [""; 0]);
    expect_over(other.get(GET_SESSION).await);
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn what_is_unknown_or_somebody_elses_changes_nothing_and_looks_the_same() {
    let mut user = user().await;
    let mut stranger = self::user().await;
    let theirs = stranger.browser.session().await["session"].clone();
    let (unknown, nothing) = (json!("a".repeat(32)), json!(""));
    for named in [&theirs["id"], &theirs["token"], &unknown, &nothing, &json!("' OR 1=1 --")] {
        let lines = expect_done(user.browser.post(REVOKE, &json!({ "token": named })).await);
        assert_eq!(lines, [""; 0]);
    }
    assert_eq!(stranger.browser.session().await["session"], theirs);
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn revoking_needs_to_know_which() {
    let mut user = user().await;
    for (body, message) in [
        (json!({}), "[body.token] Invalid input: expected string, received undefined"),
        (json!({ "token": 7 }), "[body.token] Invalid input: expected string, received number"),
    ] {
        let answer = user.browser.post(REVOKE, &body).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": message, "code": "VALIDATION_ERROR" }));
    }
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn revoking_all_ends_this_one_too() {
    let mut user = user().await;
    let mut other = another(&user).await;
    let mut stranger = self::user().await;
    let cookies = user.browser.cookies.clone();
    let lines = expect_done(user.browser.post(REVOKE_ALL, &json!({})).await);
    assert_eq!(lines, CLEARED);
    user.browser.cookies = cookies;
    expect_over(user.browser.get(GET_SESSION).await);
    expect_over(other.get(GET_SESSION).await);
    assert!(stranger.browser.is_signed_in().await);
}

#[tokio::test]
async fn revoking_the_others_keeps_this_one() {
    let mut user = user().await;
    let (mut second, mut third) = (another(&user).await, another(&user).await);
    let lines = expect_done(user.browser.post(REVOKE_OTHERS, &json!({})).await);
    assert_eq!(lines, [""; 0]);
    expect_over(second.get(GET_SESSION).await);
    expect_over(third.get(GET_SESSION).await);
    assert_eq!(list(&mut user.browser).await.len(), 1);
}

#[tokio::test]
async fn signing_out_ends_this_session_and_no_other() {
    let mut user = user().await;
    let mut other = another(&user).await;
    let cookies = user.browser.cookies.clone();
    let answer = user.browser.post(SIGN_OUT, &json!({})).await.expect(200);
    assert_eq!(answer.json(), json!({ "success": true }));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.set_cookies(), CLEARED);

    user.browser.cookies = cookies;
    user.browser.get("/api/servers").await.expect_error(401, "Unauthorized");
    expect_unauthorized(&user.browser.clone().get(LIST).await);
    expect_over(user.browser.get(GET_SESSION).await);
    assert!(other.is_signed_in().await);
}

#[tokio::test]
async fn signing_out_needs_no_session() {
    let mut browser = Browser::new(&shared().await);
    for cookie in [None, Some("forged"), Some("")] {
        browser.cookies.clear();
        browser.cookies.extend(cookie.map(|cookie| (COOKIE.to_owned(), cookie.to_owned())));
        let answer = browser.post(SIGN_OUT, &json!({})).await.expect(200);
        assert_eq!(answer.json(), json!({ "success": true }));
        assert_eq!(answer.set_cookies(), CLEARED);
    }
}

#[tokio::test]
async fn a_revoked_session_does_not_come_back_from_the_truth() {
    let mut user = user().await;
    let cookies = user.browser.cookies.clone();
    let mut stores = stores().await;
    user.browser.post(SIGN_OUT, &json!({})).await.expect(200);
    assert_eq!(stores.copy(&user.token).await, Some(json!({ "state": "revoked" })));
    stores.forget_copy(&user.token).await;
    user.browser.cookies = cookies;
    expect_over(user.browser.get(GET_SESSION).await);
}

#[tokio::test]
async fn without_a_session_every_route_behind_one_says_so() {
    let mut browser = Browser::new(&shared().await);
    let answers = [
        browser.get(LIST).await,
        browser.post(REVOKE, &json!({ "token": "x" })).await,
        browser.post(REVOKE_ALL, &json!({})).await,
        browser.post(REVOKE_OTHERS, &json!({})).await,
    ];
    for answer in answers {
        expect_unauthorized(&answer);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
}
