//! Who is let in, and what everybody else is told.

use e2e::{
    Answer, Browser, PASSWORD, expect_session_cookie, expect_user, fresh_email, keys,
    seconds_between, shared, text,
};
use serde_json::json;

use super::{PATH, expect_wrong_credentials, scene};

#[tokio::test]
async fn the_right_password_opens_a_session() {
    let mut scene = scene().await;
    let answer = scene.sign_in_with(json!({})).await.expect(200);

    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("location"), None);
    let body = answer.json();
    assert_eq!(keys(&body), ["redirect", "token", "user"]);
    assert_eq!(body["redirect"], false);
    expect_user(&body["user"]);
    assert_eq!(body["user"]["id"], scene.user.id);
    assert_eq!(answer.set_cookies().len(), 1);
    expect_session_cookie(&answer.set_cookies()[0], text(&body["token"]), Some(604_800));

    let session = scene.browser.session().await;
    assert_eq!(session["session"]["token"], body["token"]);
    assert_eq!(session["user"], body["user"]);
    assert_eq!(
        seconds_between(&session["session"]["createdAt"], &session["session"]["expiresAt"]),
        604_800
    );
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_address_look_alike() {
    let mut scene = scene().await;
    let wrong = scene.sign_in_with(json!({ "password": "wrong horse battery" })).await;
    let unknown = scene.sign_in_with(json!({ "email": fresh_email() })).await;
    scene.store_password("$2", None).await;
    let without = scene.sign_in_with(json!({})).await;

    let shape = |answer: &Answer| {
        let mut headers: Vec<_> = answer
            .headers
            .iter()
            .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
            .map(|(name, value)| (name.to_string(), value.to_str().expect("ASCII").to_owned()))
            .collect();
        headers.sort();
        headers
    };
    for answer in [&unknown, &without] {
        assert_eq!(answer.body, wrong.body);
        assert_eq!(shape(answer), shape(&wrong));
    }
    for answer in [wrong, unknown, without] {
        expect_wrong_credentials(answer);
    }
}

#[tokio::test]
async fn an_empty_or_a_cut_password_is_a_wrong_one() {
    let mut scene = scene().await;
    for password in ["", " ", &PASSWORD[..PASSWORD.len() - 1], &format!("{PASSWORD} ")] {
        expect_wrong_credentials(scene.sign_in_with(json!({ "password": password })).await);
    }
}

#[tokio::test]
async fn what_is_no_address_is_told() {
    let mut scene = scene().await;
    for email in ["", "nobody", "a@b", "ann@example.com ", "ann@exämple.com"] {
        let answer = scene.sign_in_with(json!({ "email": email })).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": "Invalid email", "code": "INVALID_EMAIL" }));
    }
}

#[tokio::test]
async fn a_password_of_more_than_128_characters_is_not_looked_at() {
    let mut scene = scene().await;
    let answer = scene.sign_in_with(json!({ "password": "a".repeat(129) })).await.expect(400);
    assert_eq!(
        answer.json(),
        json!({ "message": "Password too long", "code": "PASSWORD_TOO_LONG" })
    );
    expect_wrong_credentials(scene.sign_in_with(json!({ "password": "é".repeat(128) })).await);
}

#[tokio::test]
async fn missing_fields_are_told() {
    let mut browser = scene().await.browser;
    for (body, message) in [
        (
            json!({ "email": "ann@example.com" }),
            "[body.password] Invalid input: expected string, received undefined",
        ),
        (
            json!({ "password": ["x"], "rememberMe": 0 }),
            "[body.email] Invalid input: expected string, received undefined; \
             [body.password] Invalid input: expected string, received array; \
             [body.rememberMe] Invalid input: expected boolean, received number",
        ),
    ] {
        let answer = browser.post(PATH, &body).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": message, "code": "VALIDATION_ERROR" }));
    }
}

#[tokio::test]
async fn a_session_that_is_not_remembered_lives_for_a_day() {
    let mut scene = scene().await;
    let answer = scene.sign_in_with(json!({ "rememberMe": false })).await.expect(200);
    let lines = answer.set_cookies();
    assert_eq!(lines.len(), 2, "{lines:?}");
    expect_session_cookie(&lines[0], text(&answer.json()["token"]), None);
    assert!(lines[1].starts_with("better-auth.dont_remember=true."), "{lines:?}");
    let session = &scene.browser.session().await["session"];
    assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), 86_400);
}

#[tokio::test]
async fn being_remembered_again_takes_the_old_wish_away() {
    let mut scene = scene().await;
    scene.sign_in_with(json!({ "rememberMe": false })).await.expect(200);
    let answer = scene.sign_in_with(json!({ "rememberMe": true })).await.expect(200);
    let lines = answer.set_cookies();
    expect_session_cookie(&lines[0], text(&answer.json()["token"]), Some(604_800));
    assert_eq!(
        lines[1..],
        ["better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"]
    );
}

#[tokio::test]
async fn signing_in_twice_gives_two_sessions() {
    let mut scene = scene().await;
    let first = scene.sign_in_with(json!({})).await.expect(200).json();
    let mut earlier = scene.browser.clone();
    let second = scene.sign_in_with(json!({})).await.expect(200).json();
    assert_ne!(first["token"], second["token"]);
    assert_eq!(earlier.session().await["session"]["token"], first["token"]);
    assert_eq!(scene.browser.session().await["session"]["token"], second["token"]);
    let listed = scene.browser.get("/api/auth/list-sessions").await.expect(200).json();
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
}

#[tokio::test]
async fn a_planted_session_is_replaced() {
    let mut scene = scene().await;
    let attacker = Browser::new(&shared().await).sign_up().await;
    scene.browser.cookies = attacker.browser.cookies.clone();
    scene.sign_in_with(json!({})).await.expect(200);
    assert_ne!(scene.browser.session_cookie(), attacker.browser.session_cookie());
    assert_eq!(scene.browser.session().await["user"]["id"], scene.user.id);
    let mut attacker = attacker;
    assert_eq!(attacker.browser.session().await["user"]["id"], attacker.id);
}
