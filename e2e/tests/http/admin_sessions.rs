//! Sessions of others, as an admin sees and ends them.

use std::time::Duration;

use e2e::{Browser, PASSWORD, Stores, admin, expect_session, instant, shared, text};
use serde_json::{Value, json};

fn sessions(answer: &Value) -> &Vec<Value> {
    answer["sessions"].as_array().expect("a list")
}

#[tokio::test]
async fn an_admin_sees_sessions_and_no_tokens() {
    let urls = shared().await;
    let (mut admin, user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let mut elsewhere = Browser::new(&urls);
    elsewhere.sign_in(&user.email, PASSWORD).await.expect(200);
    Stores::open(&urls).await.age_session(&user.token, Duration::from_hours(8 * 24)).await;

    let answer = admin.asks_about("list-user-sessions", &user.id).await.expect(200);
    let listed = answer.json();
    assert_eq!(sessions(&listed).len(), 2, "also the one that is over");
    let tokens =
        [user.token.clone(), text(&elsewhere.session().await["session"]["token"]).to_owned()];
    for session in sessions(&listed) {
        assert_eq!(session["userId"], user.id);
        assert_eq!(session["token"], session["id"]);
    }
    for token in &tokens {
        assert!(!answer.body.contains(token), "a token is in the list");
    }
    let over = &sessions(&listed)[0];
    assert!(instant(&over["expiresAt"]) < instant(&sessions(&listed)[1]["createdAt"]));
    expect_session(&sessions(&listed)[1]);

    // What the list gives opens nothing.
    let mut thief = Browser::new(&urls);
    let handle = text(&sessions(&listed)[1]["id"]).to_owned();
    let cookie = elsewhere.session_cookie().replace(&tokens[1], &handle);
    thief.cookies.insert("better-auth.session_token".to_owned(), cookie);
    assert!(!thief.is_signed_in().await);

    let none = admin.asks_about("list-user-sessions", "unknown").await.expect(200).json();
    assert_eq!(none, json!({ "sessions": [] }));
    let own = admin.id.clone();
    let own = admin.asks_about("list-user-sessions", &own).await.expect(200);
    assert!(!own.body.contains(&admin.token), "not even the caller's own");
}

#[tokio::test]
async fn an_admin_ends_one_session_by_its_handle() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let mut elsewhere = Browser::new(&urls);
    elsewhere.sign_in(&user.email, PASSWORD).await.expect(200);
    elsewhere.get("/api/servers").await.expect(200);
    let handle = elsewhere.session().await["session"]["id"].clone();
    let answer = admin.asks_admin("revoke-user-session", json!({ "sessionToken": handle })).await;
    assert_eq!(answer.expect(200).json(), json!({ "success": true }));
    elsewhere.get("/api/servers").await.expect(401);
    assert!(user.browser.is_signed_in().await, "the other one ended too");
    for unknown in [handle, json!("unknown"), json!(""), json!("' OR '1'='1")] {
        let answer =
            admin.asks_admin("revoke-user-session", json!({ "sessionToken": unknown })).await;
        assert_eq!(answer.expect(200).json(), json!({ "success": true }));
    }
    assert!(user.browser.is_signed_in().await && admin.browser.is_signed_in().await);
}

#[tokio::test]
async fn an_admin_ends_all_sessions_of_a_user() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let mut elsewhere = Browser::new(&urls);
    elsewhere.sign_in(&user.email, PASSWORD).await.expect(200);
    let mut bystander = Browser::new(&urls).sign_up().await;
    for _ in 0..2 {
        let answer = admin.asks_about("revoke-user-sessions", &user.id).await.expect(200).json();
        assert_eq!(answer, json!({ "success": true }));
    }
    for browser in [&mut user.browser, &mut elsewhere] {
        browser.get("/api/servers").await.expect(401);
    }
    assert!(bystander.browser.is_signed_in().await);
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
}
