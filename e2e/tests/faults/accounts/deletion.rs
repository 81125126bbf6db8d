//! Users who delete themselves

use e2e::{Browser, CLEARED, PASSWORD, User, admin, mail_about, mails_about, path_in};
use futures_util::future::join_all;
use serde_json::json;
use stack::Stack;

use super::{allowing_stack, database};

const PATH: &str = "/api/auth/delete-user";
const SUBJECT: &str = "Confirm the deletion of your account";

async fn ask(user: &mut User) {
    let answer = user.browser.post(PATH, &json!({})).await.expect(200);
    assert_eq!(answer.json(), json!({ "success": true, "message": "Verification email sent" }));
}

/// Asks for the link, and gives back its path and its token.
async fn link(stack: &Stack, user: &mut User) -> (String, String) {
    ask(user).await;
    link_of(&mail_about(&stack.urls().outbox, &user.email, SUBJECT).await)
}

fn link_of(mail: &str) -> (String, String) {
    let path = path_in(mail).split('&').next().expect("a token").to_owned();
    let token = path.split_once("token=").expect("a token").1.to_owned();
    (path, token)
}

#[tokio::test]
async fn who_follows_the_link_while_signed_in_is_gone_everywhere() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let mut other = Browser::new(stack.urls());
    other.sign_in(&user.email, PASSWORD).await.expect(200);
    let (link, token) = link(&stack, &mut user).await;
    assert!(
        token.len() == 32
            && token.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase())
    );
    let before = user.browser.clone();
    let answer = user.browser.get(&link).await.expect(200);
    assert_eq!(answer.json(), json!({ "success": true, "message": "User deleted" }));
    assert_eq!(answer.set_cookies(), CLEARED);
    for mut browser in [before, other.clone()] {
        assert!(!browser.is_signed_in().await, "a session outlived its user");
        browser.get("/api/servers").await.expect(401);
    }
    other.sign_in(&user.email, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    let left: i64 = sqlx::query_scalar(
        "SELECT (SELECT count(*) FROM identity.user WHERE id = $1) \
              + (SELECT count(*) FROM identity.account WHERE user_id = $1) \
              + (SELECT count(*) FROM identity.verification WHERE user_id = $1) \
              + (SELECT count(*) FROM session.session WHERE user_id = $1)",
    )
    .bind(&user.id)
    .fetch_one(&database(&stack).await)
    .await
    .expect("a number");
    assert_eq!(left, 0);
    let remembered: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM session.user_snapshot WHERE snapshot::text LIKE $1",
    )
    .bind(format!("%{}%", user.email))
    .fetch_one(&database(&stack).await)
    .await
    .expect("a number");
    assert_eq!(remembered, 0, "session-svc remembers an address");
    let body = json!({ "name": "Ann", "email": user.email, "password": PASSWORD });
    Browser::new(stack.urls()).post("/api/auth/sign-up/email", &body).await.expect(200);
}

#[tokio::test]
async fn a_link_is_worth_nothing_without_the_session_of_its_user() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let mut other = Browser::new(stack.urls()).sign_up().await;
    let (link, token) = link(&stack, &mut user).await;
    // A mail scanner has no session.
    Browser::new(stack.urls()).get(&link).await.expect_code(404, "FAILED_TO_GET_USER_INFO");
    other.browser.get(&link).await.expect_code(404, "INVALID_TOKEN");
    other.browser.post(PATH, &json!({ "token": token })).await.expect_code(404, "INVALID_TOKEN");
    user.browser.post(PATH, &json!({ "token": "x" })).await.expect_code(404, "INVALID_TOKEN");
    assert!(user.browser.is_signed_in().await && other.browser.is_signed_in().await);

    let answer = user.browser.post(PATH, &json!({ "token": token })).await.expect(200);
    assert_eq!(answer.json(), json!({ "success": true, "message": "User deleted" }));
    assert!(other.browser.is_signed_in().await);
}

#[tokio::test]
async fn a_password_that_is_given_must_be_right() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    user.browser
        .post(PATH, &json!({ "password": "wrong horse" }))
        .await
        .expect_code(400, "INVALID_PASSWORD");
    let long = json!({ "password": "a".repeat(129) });
    user.browser.post(PATH, &long).await.expect_code(400, "PASSWORD_TOO_LONG");
    let answer = user.browser.post(PATH, &json!({ "password": PASSWORD })).await.expect(200);
    assert_eq!(answer.json()["message"], "Verification email sent");
    let evil = json!({ "callbackURL": "https://evil.example" });
    user.browser.post(PATH, &evil).await.expect_code(403, "INVALID_CALLBACK_URL");
}

#[tokio::test]
async fn of_links_the_newest_works_and_once() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let (older, _) = link(&stack, &mut user).await;
    ask(&mut user).await;
    let mails = mails_about(&stack.urls().outbox, &user.email, SUBJECT, 2).await;
    let newer =
        mails.iter().map(|mail| link_of(mail).0).find(|path| *path != older).expect("another");
    user.browser.get(&older).await.expect_code(404, "INVALID_TOKEN");
    let attempts = (0..20).map(|_| {
        let mut browser = user.browser.clone();
        let path = format!("{newer}&callbackURL=%2Fbye");
        async move { browser.get(&path).await }
    });
    let answers = join_all(attempts).await;
    let gone: Vec<_> = answers.iter().filter(|answer| answer.status == 302).collect();
    assert!(gone.len() <= 1, "{answers:?}");
    for answer in gone {
        assert_eq!(answer.header("location"), Some("/bye"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    }
    // An outage is told where the machine is too busy to wait for everything.
    let told =
        |answer: &e2e::Answer| matches!(answer.status, 302 | 404) || answer.is_clean_outage();
    assert!(answers.iter().all(told), "{answers:?}");
    let email = &user.email;
    user.browser.sign_in(email, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[tokio::test]
async fn the_last_admin_stays() {
    let (stack, _dir) = allowing_stack().await;
    let (mut first, mut second) = (admin(stack.urls()).await, admin(stack.urls()).await);
    let links = [link(&stack, &mut first).await.0, link(&stack, &mut second).await.0];
    // Both at once: one may go, the other is then the last.
    let (one, other) = tokio::join!(first.browser.get(&links[0]), second.browser.get(&links[1]));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 403], "{one:?} {other:?}");
    let stayed = if one.status == 403 { one } else { other };
    stayed.expect_code(403, "LAST_ADMIN_CANNOT_BE_DELETED");
}
