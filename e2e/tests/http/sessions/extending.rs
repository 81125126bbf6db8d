//! A session that is used lives on.

use e2e::{expect_session_cookie, instant, seconds_between};
use serde_json::json;

use super::{
    GET_SESSION, HOUR, LIST, REVOKE_OTHERS, SECOND, WEEK_SECS, age, another_with, expect_done,
    expect_over, stores, user,
};

#[tokio::test]
async fn a_session_used_after_a_day_is_extended_to_a_week() {
    let mut user = user().await;
    let created = user.browser.session().await["session"]["createdAt"].clone();
    age(&user.browser, 25 * HOUR).await;

    let answer = user.browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer.set_cookies().len(), 1);
    expect_session_cookie(&answer.set_cookies()[0], &user.token, Some(604_800));
    let session = answer.json()["session"].clone();
    assert_eq!(session["token"], user.token);
    assert_eq!(seconds_between(&session["updatedAt"], &session["expiresAt"]), WEEK_SECS);
    assert!(instant(&session["updatedAt"]) > instant(&created), "{session}");
    assert_eq!(seconds_between(&session["createdAt"], &created), 25 * 3600);

    let answer = user.browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert_eq!(answer.json()["session"], session);
}

#[tokio::test]
async fn a_session_is_extended_from_the_truth_when_redis_has_no_copy() {
    let mut user = user().await;
    let mut stores = stores().await;
    stores.age_session(&user.token, 6 * 24 * HOUR).await;
    stores.forget_copy(&user.token).await;
    let answer = user.browser.get(GET_SESSION).await.expect(200);
    expect_session_cookie(&answer.set_cookies()[0], &user.token, Some(604_800));
    let session = &answer.json()["session"];
    assert_eq!(seconds_between(&session["updatedAt"], &session["expiresAt"]), WEEK_SECS);
    let copy = stores.copy(&user.token).await.expect("a copy");
    assert_eq!(copy["session"]["expiresAt"], session["expiresAt"]);
}

#[tokio::test]
async fn a_session_is_not_extended_within_a_day() {
    let mut user = user().await;
    stores().await.age_session(&user.token, 23 * HOUR).await;
    let answer = user.browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer.set_cookies(), [""; 0]);
    let session = &answer.json()["session"];
    assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), WEEK_SECS);
}

#[tokio::test]
async fn any_route_behind_a_session_extends_it() {
    let mut user = user().await;
    stores().await.age_session(&user.token, 25 * HOUR).await;
    // The list asks for a recent sign-in, and the session is extended all the same.
    let answer = user.browser.get(LIST).await.expect_code(403, "SESSION_NOT_FRESH");
    assert_eq!(answer.set_cookies().len(), 1);
    expect_session_cookie(&answer.set_cookies()[0], &user.token, Some(604_800));

    stores().await.age_session(&user.token, 25 * HOUR).await;
    let lines = expect_done(user.browser.post(REVOKE_OTHERS, &json!({})).await);
    assert_eq!(lines.len(), 1);
    expect_session_cookie(&lines[0], &user.token, Some(604_800));
}

#[tokio::test]
async fn a_caller_may_ask_not_to_be_extended() {
    let mut user = user().await;
    stores().await.age_session(&user.token, 25 * HOUR).await;
    for query in
        ["disableRefresh=true", "disableRefresh=false", "disableRefresh=0", "a=b&disableRefresh=x"]
    {
        let answer = user.browser.get(&format!("{GET_SESSION}?{query}")).await.expect(200);
        assert_eq!(answer.set_cookies(), [""; 0], "{query}");
        let session = &answer.json()["session"];
        assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), WEEK_SECS);
    }
    let answer = user.browser.get(&format!("{GET_SESSION}?disableRefresh=")).await;
    assert_eq!(answer.set_cookies().len(), 1);
}

#[tokio::test]
async fn a_session_of_one_day_is_never_extended() {
    let user = user().await;
    let mut short = another_with(&user, json!({ "rememberMe": false })).await;
    age(&short, 23 * HOUR).await;
    // The second time without the cookie that says so: what counts is with us.
    for _ in 0..2 {
        let answer = short.get(GET_SESSION).await.expect(200);
        assert_eq!(answer.set_cookies(), [""; 0]);
        let session = &answer.json()["session"];
        assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), 86_400);
        assert_eq!(expect_done(short.post(REVOKE_OTHERS, &json!({})).await), [""; 0]);
        short.cookies.remove("better-auth.dont_remember");
    }
    age(&short, HOUR + SECOND).await;
    expect_over(short.get(GET_SESSION).await);
}

#[tokio::test]
async fn the_wish_not_to_be_remembered_keeps_a_session_from_being_extended() {
    let mut user = user().await;
    let short = another_with(&user, json!({ "rememberMe": false })).await;
    let wish = short.cookies["better-auth.dont_remember"].clone();
    stores().await.age_session(&user.token, 25 * HOUR).await;
    user.browser.cookies.insert("better-auth.dont_remember".to_owned(), wish);
    let answer = user.browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer.set_cookies(), [""; 0]);

    // One that we did not sign is no wish.
    user.browser.cookies.insert("better-auth.dont_remember".to_owned(), "true".to_owned());
    let answer = user.browser.get(GET_SESSION).await.expect(200);
    assert_eq!(answer.set_cookies().len(), 1);
}
