//! `POST /api/auth/reset-password`: one token, one new password

use e2e::{Answer, Browser, PASSWORD, Stores, link_in, mail_about, mails_about, shared};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    CHANGED_SUBJECT, NEW_PASSWORD, RESET_SUBJECT, expect_new_password, new_user, signed_in,
};

const PATH: &str = "/api/auth/reset-password";

pub(super) struct Link {
    pub(super) path: String,
    pub(super) token: String,
}

fn link_of(mail: &str) -> Link {
    let url = url::Url::parse(&link_in(mail)).expect("a link");
    let token = url.path().rsplit('/').next().expect("a token").to_owned();
    Link { path: format!("{}?{}", url.path(), url.query().unwrap_or_default()), token }
}

async fn request(email: &str, redirect: Option<&str>) {
    let mut body = json!({ "email": email });
    if let Some(redirect) = redirect {
        body["redirectTo"] = redirect.into();
    }
    let mut browser = Browser::new(&shared().await);
    browser.post("/api/auth/request-password-reset", &body).await.expect(200);
}

/// Asks for a reset and takes the link out of the mail.
pub(super) async fn link_for(email: &str, redirect: Option<&str>) -> Link {
    request(email, redirect).await;
    link_of(&mail_about(&shared().await.outbox, email, RESET_SUBJECT).await)
}

async fn reset(token: &str) -> Answer {
    let body = json!({ "newPassword": NEW_PASSWORD, "token": token });
    Browser::new(&shared().await).post(PATH, &body).await
}

async fn database() -> sqlx::PgPool {
    Stores::open(&shared().await).await.db
}

#[tokio::test]
async fn a_reset_sets_the_password_and_ends_every_session() {
    let mut user = new_user().await;
    let mut other = signed_in(&user).await;
    let link = link_for(&user.email, None).await;
    let answer = reset(&link.token).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    assert!(answer.set_cookies().is_empty(), "a reset signs nobody in");
    for browser in [&mut user.browser, &mut other] {
        assert!(!browser.is_signed_in().await, "a session outlived the reset");
        browser.get("/api/servers").await.expect(401);
    }
    expect_new_password(&user.email).await;
    mail_about(&shared().await.outbox, &user.email, CHANGED_SUBJECT).await;
}

#[tokio::test]
async fn a_reset_does_not_prove_the_address() {
    let user = new_user().await;
    reset(&link_for(&user.email, None).await.token).await.expect(200);
    let mut browser = Browser::new(&shared().await);
    let answer = browser.sign_in(&user.email, NEW_PASSWORD).await.expect(200);
    assert_eq!(answer.json()["user"]["emailVerified"], false);
}

#[tokio::test]
async fn a_token_works_once() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    reset(&link.token).await.expect(200);
    reset(&link.token).await.expect_code(400, "INVALID_TOKEN");
}

#[tokio::test]
async fn of_20_who_use_one_token_at_once_one_succeeds() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    let answers = join_all((0..20).map(|_| reset(&link.token))).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(won <= 1, "{answers:?}");
    // A machine that is too busy to hash says so, and spends no token by it.
    if answers.iter().all(|answer| answer.status == 503) {
        reset(&link.token).await.expect(200);
    }
    for answer in answers.into_iter().filter(|answer| !matches!(answer.status, 200 | 503)) {
        answer.expect_code(400, "INVALID_TOKEN");
    }
    reset(&link.token).await.expect_code(400, "INVALID_TOKEN");
    expect_new_password(&user.email).await;
}

#[tokio::test]
async fn a_newer_token_kills_the_older() {
    let user = new_user().await;
    let older = link_for(&user.email, None).await;
    request(&user.email, None).await;
    let mails = mails_about(&shared().await.outbox, &user.email, RESET_SUBJECT, 2).await;
    let newer = mails.iter().map(|mail| link_of(mail)).find(|link| link.token != older.token);
    reset(&older.token).await.expect_code(400, "INVALID_TOKEN");
    reset(&newer.expect("another token").token).await.expect(200);
}

#[tokio::test]
async fn a_token_dies_when_the_address_changes() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    let moved = sqlx::query("UPDATE identity.user SET email = $2 WHERE id = $1")
        .bind(&user.id)
        .bind(e2e::fresh_email());
    moved.execute(&database().await).await.expect("the address is another");
    reset(&link.token).await.expect_code(400, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_token_dies_when_the_password_is_changed() {
    let mut user = new_user().await;
    let link = link_for(&user.email, None).await;
    let body = json!({ "currentPassword": PASSWORD, "newPassword": "yet another horse" });
    user.browser.post("/api/auth/change-password", &body).await.expect(200);
    reset(&link.token).await.expect_code(400, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_token_is_good_for_an_hour() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    let db = database().await;
    let left: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM expires_at - created_at)::float8 FROM identity.verification \
          WHERE user_id = $1",
    )
    .bind(&user.id)
    .fetch_one(&db)
    .await
    .expect("the token's row");
    assert!((left - 3600.0).abs() < 0.001, "{left}");
    let aged =
        sqlx::query("UPDATE identity.verification SET expires_at = now() WHERE user_id = $1")
            .bind(&user.id);
    aged.execute(&db).await.expect("the hour is over");
    reset(&link.token).await.expect_code(400, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_token_is_stored_as_its_digest_alone() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    let db = database().await;
    let stored: String = sqlx::query_scalar(
        "SELECT string_agg(v::text, '') FROM identity.verification v WHERE user_id = $1",
    )
    .bind(&user.id)
    .fetch_one(&db)
    .await
    .expect("the token's row");
    assert!(!stored.contains(&link.token), "{stored}");
    let by_digest: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM identity.verification WHERE digest = sha256(convert_to($1, 'UTF8'))",
    )
    .bind(&link.token)
    .fetch_one(&db)
    .await
    .expect("a number");
    assert_eq!(by_digest, 1);
}

#[tokio::test]
async fn a_token_may_stand_in_the_query_but_not_as_another() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    let mut browser = Browser::new(&shared().await);
    let mut post =
        async |query: String, body: Value| browser.post(&format!("{PATH}?{query}"), &body).await;
    let (token, body) = (&link.token, json!({ "newPassword": NEW_PASSWORD }));
    post("token=other".into(), json!({ "newPassword": NEW_PASSWORD, "token": token }))
        .await
        .expect_code(400, "INVALID_TOKEN");
    post(format!("token={token}&token={token}"), body.clone())
        .await
        .expect_code(400, "VALIDATION_ERROR");
    post(String::new(), body.clone()).await.expect_code(400, "INVALID_TOKEN");
    post("token=".into(), body.clone()).await.expect_code(400, "INVALID_TOKEN");
    post(format!("token={token}"), body).await.expect(200);
}

#[tokio::test]
async fn a_password_that_may_not_be_set_does_not_spend_the_token() {
    let user = new_user().await;
    let link = link_for(&user.email, None).await;
    let mut browser = Browser::new(&shared().await);
    for (password, code) in [
        ("short".to_owned(), "PASSWORD_TOO_SHORT"),
        ("a".repeat(73), "PASSWORD_TOO_LONG"),
        ("a".repeat(129), "PASSWORD_TOO_LONG"),
    ] {
        let body = json!({ "newPassword": password, "token": link.token });
        browser.post(PATH, &body).await.expect_code(400, code);
    }
    browser.post(PATH, &json!({ "token": link.token })).await.expect_code(400, "VALIDATION_ERROR");
    reset(&link.token).await.expect(200);
}

#[tokio::test]
async fn who_has_no_password_yet_gets_one() {
    let user = new_user().await;
    let gone = sqlx::query("DELETE FROM identity.account WHERE user_id = $1").bind(&user.id);
    gone.execute(&database().await).await.expect("the account is gone");
    reset(&link_for(&user.email, None).await.token).await.expect(200);
    expect_new_password(&user.email).await;
}

#[tokio::test]
async fn a_reset_does_not_skip_the_second_factor() {
    let user = new_user().await;
    let enrolled = sqlx::query("UPDATE identity.user SET two_factor_enabled = true WHERE id = $1")
        .bind(&user.id);
    enrolled.execute(&database().await).await.expect("the factor is on");
    reset(&link_for(&user.email, None).await.token).await.expect(200);
    let mut browser = Browser::new(&shared().await);
    browser.sign_in(&user.email, NEW_PASSWORD).await;
    assert!(!browser.is_signed_in().await, "the password alone signed in");
}
