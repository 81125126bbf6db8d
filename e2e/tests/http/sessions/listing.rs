//! `GET /api/auth/list-sessions`

use std::time::Duration;

use e2e::{Browser, expect_session, shared, text};
use serde_json::json;

use super::{
    COOKIE, GET_SESSION, HOUR, LIST, SECOND, WEEK_SECS, another, expect_null, list, stores, token,
    user,
};

#[tokio::test]
async fn others_are_listed_under_a_handle_that_opens_nothing() {
    let mut user = user().await;
    let mut other = another(&user).await;
    let other_token = token(&mut other).await;

    let answer = user.browser.get(LIST).await.expect(200);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(!answer.body.contains(&other_token));
    let listed = answer.json();
    let listed = listed.as_array().expect("a list");
    assert_eq!(listed.len(), 2);
    listed.iter().for_each(expect_session);
    // Oldest first.
    assert_eq!(listed[0]["token"], user.token);
    assert_ne!(listed[1]["token"], other_token);
    let mut expected = other.session().await["session"].clone();
    expected["token"] = listed[1]["token"].clone();
    assert_eq!(listed[1], expected);

    let (_, signature) = user.browser.session_cookie().split_once('.').expect("signed");
    let handle = text(&listed[1]["token"]);
    for cookie in [handle.to_owned(), format!("{handle}.{signature}")] {
        let mut thief = Browser::new(&shared().await);
        thief.cookies.insert(COOKIE.to_owned(), cookie);
        expect_null(thief.get(GET_SESSION).await);
    }
}

#[tokio::test]
async fn only_ones_own_living_sessions_are_listed() {
    let mut user = user().await;
    let stranger = self::user().await;
    let mut over = another(&user).await;
    let over = token(&mut over).await;
    let mut stores = stores().await;
    stores.age_session(&over, Duration::from_secs(WEEK_SECS) + SECOND).await;
    let mut acting = another(&user).await;
    let acting = token(&mut acting).await;
    sqlx::query("UPDATE session.session SET impersonated_by = $1 WHERE id = $2")
        .bind(&stranger.id)
        .bind(text(&stores.copy(&acting).await.expect("a copy")["session"]["id"]))
        .execute(&stores.db)
        .await
        .expect("Postgres answers");

    let listed = list(&mut user.browser).await;
    assert_eq!(listed.len(), 1, "{listed:?}");
    assert_eq!(listed[0]["token"], user.token);
}

#[tokio::test]
async fn at_most_100_sessions_are_listed() {
    let mut user = user().await;
    sqlx::query(
        "INSERT INTO session.session (id, token_digest, user_id, created_at, updated_at, expires_at, \
                                      ip_address, user_agent, extendable, proof) \
         SELECT md5(id || n), sha256(convert_to(id || n, 'UTF8')), user_id, created_at, updated_at, \
                expires_at, '', '', extendable, proof \
           FROM session.session, generate_series(1, 120) n WHERE user_id = $1",
    )
    .bind(&user.id)
    .execute(&stores().await.db)
    .await
    .expect("Postgres answers");
    assert_eq!(list(&mut user.browser).await.len(), 100);
}

#[tokio::test]
async fn a_list_asks_for_a_recent_sign_in() {
    let mut user = user().await;
    stores().await.age_session(&user.token, 23 * HOUR).await;
    user.browser.get(LIST).await.expect(200);
    stores().await.age_session(&user.token, HOUR).await;
    let answer = user.browser.get(LIST).await.expect(403);
    assert_eq!(
        answer.json(),
        json!({ "message": "Session is not fresh", "code": "SESSION_NOT_FRESH" })
    );
}
