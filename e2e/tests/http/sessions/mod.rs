//! Sessions: asking for one's own, and what may be done with them.

mod asking;
mod at_rest;
mod ending;
mod extending;
mod listing;

use std::time::Duration;

use e2e::{Answer, Browser, CLEARED, PASSWORD, Stores, User, eventually, shared, text};
use serde_json::{Value, json};

const GET_SESSION: &str = "/api/auth/get-session";
const LIST: &str = "/api/auth/list-sessions";
const REVOKE: &str = "/api/auth/revoke-session";
const REVOKE_ALL: &str = "/api/auth/revoke-sessions";
const REVOKE_OTHERS: &str = "/api/auth/revoke-other-sessions";
const SIGN_OUT: &str = "/api/auth/sign-out";
const COOKIE: &str = "better-auth.session_token";

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_hours(1);
const WEEK_SECS: u64 = 604_800;

async fn user() -> User {
    Browser::new(&shared().await).sign_up().await
}

async fn stores() -> Stores {
    Stores::open(&shared().await).await
}

/// The same user in another browser.
async fn another(user: &User) -> Browser {
    another_with(user, json!({})).await
}

async fn another_with(user: &User, changes: Value) -> Browser {
    let mut browser = Browser::new(&shared().await);
    let mut body = json!({ "email": user.email, "password": PASSWORD });
    let changes = changes.as_object().expect("fields").clone();
    body.as_object_mut().expect("an object").extend(changes);
    browser.post("/api/auth/sign-in/email", &body).await.expect(200);
    browser
}

async fn token(browser: &mut Browser) -> String {
    text(&browser.session().await["session"]["token"]).to_owned()
}

/// Lets time pass for the session in this browser, and waits until the gateway,
/// which may have it in memory, has noticed.
async fn age(browser: &Browser, by: Duration) {
    let session = browser.clone().session().await["session"].clone();
    stores().await.age_session(text(&session["token"]), by).await;
    let noticed = eventually(|| async {
        let answer = browser.clone().get(&format!("{GET_SESSION}?disableRefresh=1")).await;
        (answer.json()["session"]["createdAt"] != session["createdAt"]).then_some(())
    });
    noticed.await.expect("the gateway notices");
}

async fn list(browser: &mut Browser) -> Vec<Value> {
    let list = browser.get(LIST).await.expect(200).json();
    list.as_array().expect("a list").clone()
}

/// No session, and no word about any cookie.
#[track_caller]
fn expect_null(answer: Answer) {
    let answer = answer.expect(200);
    assert_eq!(answer.body, "null");
    assert_eq!(answer.set_cookies(), [""; 0]);
}

#[track_caller]
fn expect_over(answer: Answer) {
    let answer = answer.expect(200);
    assert_eq!(answer.body, "null");
    assert_eq!(answer.set_cookies(), CLEARED);
}

#[track_caller]
fn expect_unauthorized(answer: &Answer) {
    assert_eq!(answer.status, 401, "{answer:?}");
    assert_eq!(answer.json(), json!({ "message": "Unauthorized", "code": "UNAUTHORIZED" }));
}

#[track_caller]
fn expect_done(answer: Answer) -> Vec<String> {
    let answer = answer.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    answer.set_cookies()
}
