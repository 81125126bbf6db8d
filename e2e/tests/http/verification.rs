//! `POST /api/auth/send-verification-email` and the link it mails,
//! `GET /api/auth/verify-email`

use std::time::{Duration, Instant};

use e2e::{
    Answer, Browser, PASSWORD, Stores, User, fresh_email, mail_about, mails_to, path_in, shared,
};
use serde_json::{Value, json};

const SEND: &str = "/api/auth/send-verification-email";
const SUBJECT: &str = "Confirm your e-mail address";

async fn new_user() -> User {
    Browser::new(&shared().await).sign_up().await
}

async fn nobody() -> Browser {
    Browser::new(&shared().await)
}

/// Has the link mailed, and gives back its path without the callback.
async fn link_for(email: &str) -> String {
    nobody().await.post(SEND, &json!({ "email": email })).await.expect(200);
    let path = path_in(&mail_about(&shared().await.outbox, email, SUBJECT).await);
    path.split('&').next().expect("a token").to_owned()
}

async fn follow(path: &str) -> Answer {
    nobody().await.get(path).await
}

#[tokio::test]
async fn a_link_verifies_the_address_and_every_session_shows_it_at_once() {
    let mut user = new_user().await;
    assert_eq!(user.browser.session().await["user"]["emailVerified"], false);
    let link = link_for(&user.email).await;
    let answer = follow(&link).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true, "user": null }));
    assert!(answer.set_cookies().is_empty(), "a link signs nobody in");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let verified = user.browser.session().await["user"].clone();
    assert_eq!(verified["emailVerified"], true);

    // By a mail scanner or by a second click: nothing more happens.
    follow(&link).await.expect(200);
    assert_eq!(user.browser.session().await["user"], verified);
}

#[tokio::test]
async fn a_link_with_a_callback_leads_there() {
    let (user, urls) = (new_user().await, shared().await);
    let link = link_for(&user.email).await;
    let answer =
        follow(&format!("{link}&callbackURL=%2Fwelcome%3Fa%3Db%23top")).await.expect_empty(302);
    assert_eq!(answer.header("location"), Some("/welcome?a=b#top"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    let callback = format!("{}/welcome", urls.frontend_url);
    let encoded =
        percent_encoding::utf8_percent_encode(&callback, percent_encoding::NON_ALPHANUMERIC);
    let answer = follow(&format!("/api/auth/verify-email?token=bad&callbackURL={encoded}"))
        .await
        .expect(302);
    assert_eq!(answer.header("location"), Some(format!("{callback}?error=INVALID_TOKEN").as_str()));
    let answer = follow("/api/auth/verify-email?token=bad&callbackURL=%2Fwelcome%3Fa%3Db%23top")
        .await
        .expect(302);
    assert_eq!(answer.header("location"), Some("/welcome?a=b&error=INVALID_TOKEN#top"));
}

#[tokio::test]
async fn a_link_leads_to_no_strangers_page_whether_good_or_bad() {
    let user = new_user().await;
    let link = link_for(&user.email).await;
    for callback in [
        "%2F..%2F%2Fevil.com",
        "%2F.%2F%2Fevil.com",
        "%2Fx%2F..%2F%2Fevil.com",
        "%2F%252e%252e%2F%2Fevil.com",
        "%2F%2Fevil.com",
        "%2F%5Cevil.com",
        "https:%2F%2Fevil.com",
        "javascript:alert(1)",
        "x",
        "%2Fa%0Ab",
    ] {
        for link in [link.as_str(), "/api/auth/verify-email?token=bad"] {
            let answer = follow(&format!("{link}&callbackURL={callback}")).await;
            answer.expect_code(403, "INVALID_CALLBACK_URL");
        }
    }
    follow(&format!("{link}&callbackURL=")).await.expect(200);
}

#[tokio::test]
async fn a_key_given_twice_is_refused() {
    let user = new_user().await;
    let link = link_for(&user.email).await;
    for extra in [
        "token=other",
        "callbackURL=%2Fa&callbackURL=%2Fb",
        "callbackURL=%2Fa&callbackURL=https:%2F%2Fevil.com",
    ] {
        follow(&format!("{link}&{extra}")).await.expect_code(400, "VALIDATION_ERROR");
    }
    let answer = follow("/api/auth/verify-email").await.expect_code(400, "VALIDATION_ERROR");
    assert_eq!(
        answer.json()["message"],
        "[query.token] Invalid input: expected string, received undefined"
    );
}

#[tokio::test]
async fn a_token_is_bound_to_its_user_and_address() {
    let (user, db) = (new_user().await, Stores::open(&shared().await).await.db);
    let link = link_for(&user.email).await;
    let moved = sqlx::query("UPDATE identity.user SET email = $2 WHERE id = $1")
        .bind(&user.id)
        .bind(fresh_email());
    moved.execute(&db).await.expect("the address is another");
    follow(&link).await.expect_code(401, "USER_NOT_FOUND");
    // Somebody else has the address now.
    let body = json!({ "name": "Eve", "email": user.email, "password": PASSWORD });
    nobody().await.post("/api/auth/sign-up/email", &body).await.expect(200);
    follow(&link).await.expect_code(401, "INVALID_TOKEN");
    let verified: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM identity.user WHERE email_verified AND (id = $1 OR email = $2)",
    )
    .bind(&user.id)
    .bind(&user.email)
    .fetch_one(&db)
    .await
    .expect("a number");
    assert_eq!(verified, 0);
}

#[tokio::test]
async fn what_was_tampered_with_is_no_token() {
    let user = new_user().await;
    let link = link_for(&user.email).await;
    let (at, token) = link.split_once("token=").expect("a token");
    let parts: Vec<&str> = token.split('.').collect();
    // `{"alg":"none"}`
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let flipped = if token.ends_with('A') { 'B' } else { 'A' };
    for token in [
        "",
        "x",
        "a.b.c",
        &token[1..],
        &format!("{token}x"),
        &unsigned,
        &format!("{}.{}", parts[0], parts[1]),
        &format!("{}.{}.{flipped}{}", parts[0], parts[1], &parts[2][1..]),
        &"a".repeat(6000),
    ] {
        if token != parts.join(".") {
            follow(&format!("{at}token={token}")).await.expect_code(401, "INVALID_TOKEN");
        }
    }
}

#[tokio::test]
async fn without_a_session_every_address_gets_the_same_answer_after_half_a_second() {
    let (mut verified, unverified, stranger) = (new_user().await, new_user().await, fresh_email());
    follow(&link_for(&verified.email).await).await.expect(200);
    let mails = mails_to(&shared().await.outbox, &verified.email).len();
    for email in [&stranger, &verified.email, &unverified.email] {
        let began = Instant::now();
        let answer = nobody().await.post(SEND, &json!({ "email": email })).await.expect(200);
        assert!(began.elapsed() >= Duration::from_millis(500), "{:?}", began.elapsed());
        assert_eq!(answer.body, r#"{"status":true}"#);
    }
    // The last request is looked into after the others.
    let outbox = shared().await.outbox;
    mail_about(&outbox, &unverified.email, SUBJECT).await;
    assert!(mails_to(&outbox, &stranger).is_empty());
    assert_eq!(mails_to(&outbox, &verified.email).len(), mails);
    assert!(verified.browser.is_signed_in().await);
}

#[tokio::test]
async fn who_is_signed_in_is_told_why_no_mail_is_sent() {
    let mut user = new_user().await;
    let mut send = async |email: &str| user.browser.post(SEND, &json!({ "email": email })).await;
    send(&fresh_email()).await.expect_code(400, "EMAIL_MISMATCH");
    assert_eq!(send(&user.email).await.expect(200).json(), json!({ "status": true }));
    let link = path_in(&mail_about(&shared().await.outbox, &user.email, SUBJECT).await);
    follow(&link).await.expect(302);
    send(&user.email).await.expect_code(400, "EMAIL_ALREADY_VERIFIED");
}

#[tokio::test]
async fn a_callback_goes_into_the_link_and_must_be_ours() {
    let (user, urls) = (new_user().await, shared().await);
    let send = async |body: Value| nobody().await.post(SEND, &body).await;
    let evil = json!({ "email": user.email, "callbackURL": "https://evil.example" });
    send(evil).await.expect_code(403, "INVALID_CALLBACK_URL");
    let callback = format!("{}/verified", urls.frontend_url);
    send(json!({ "email": user.email, "callbackURL": callback })).await.expect(200);
    let link = path_in(&mail_about(&urls.outbox, &user.email, SUBJECT).await);
    let answer = follow(&link).await.expect(302);
    assert_eq!(answer.header("location"), Some(callback.as_str()));
}
