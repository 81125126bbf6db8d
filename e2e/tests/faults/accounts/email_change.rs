//! From one address to another

use e2e::{
    Answer, Browser, PASSWORD, User, expect_session_cookie, fresh_email, mail_about, mails_about,
    mails_to, path_in, text_of,
};
use futures_util::future::join_all;
use serde_json::json;
use stack::Stack;

use super::{allowing_stack, database, verified_user};

const PATH: &str = "/api/auth/change-email";
const CONFIRM: &str = "Confirm the change of your e-mail address";
const VERIFY: &str = "Confirm your new e-mail address";
const CHANGED: &str = "Your e-mail address was changed";

async fn ask(user: &mut User, new_email: &str) {
    let answer = user.browser.post(PATH, &json!({ "newEmail": new_email })).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
}

/// The newest link under this subject, without its callback.
async fn link(stack: &Stack, email: &str, subject: &str) -> String {
    let path = path_in(&mail_about(&stack.urls().outbox, email, subject).await);
    path.split('&').next().expect("a token").to_owned()
}

async fn follow(stack: &Stack, link: &str) -> Answer {
    Browser::new(stack.urls()).get(link).await
}

#[tokio::test]
async fn an_address_that_was_never_proved_changes_by_a_link_to_the_new_one() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let (old, new) = (user.email.clone(), fresh_email());
    ask(&mut user, &new.to_uppercase()).await;
    let link = link(&stack, &new, VERIFY).await;
    assert_eq!(
        user.browser.session().await["user"]["email"],
        old,
        "changed before the link was followed"
    );
    assert!(mails_to(&stack.urls().outbox, &old).is_empty());

    let answer = user.browser.get(&link).await.expect(200);
    assert_eq!(answer.json()["user"]["email"], new);
    assert_eq!(answer.json()["user"]["emailVerified"], false);
    expect_session_cookie(&answer.set_cookies()[0], &user.token, Some(604_800));
    assert_eq!(user.browser.session().await["user"]["email"], new);
    let told = mail_about(&stack.urls().outbox, &old, CHANGED).await;
    assert!(text_of(&told).contains(&new), "{told}");

    follow(&stack, &link).await.expect_code(401, "INVALID_TOKEN");
    let mut browser = Browser::new(stack.urls());
    browser.sign_in(&old, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    browser.sign_in(&new, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_address_that_is_proved_changes_only_when_both_agree() {
    let (stack, _dir) = allowing_stack().await;
    let outbox = &stack.urls().outbox;
    let mut user = verified_user(&stack).await;
    let (old, new) = (user.email.clone(), fresh_email());
    let forgotten = json!({ "email": old });
    user.browser.post("/api/auth/request-password-reset", &forgotten).await.expect(200);
    let reset = path_in(&mail_about(outbox, &old, "Choose a new password").await);

    ask(&mut user, &new).await;
    let confirm = link(&stack, &old, CONFIRM).await;
    assert!(mails_to(outbox, &new).is_empty(), "the new address was asked first");
    // A mail scanner follows it too, before and after.
    let clicks = join_all((0..10).map(|_| follow(&stack, &confirm))).await;
    for answer in clicks {
        assert_eq!(answer.expect(200).json(), json!({ "status": true }));
    }
    let verify = link(&stack, &new, VERIFY).await;
    assert_eq!(
        user.browser.session().await["user"]["email"],
        old,
        "changed before the new address agreed"
    );

    let answer = follow(&stack, &verify).await.expect(200);
    assert!(answer.set_cookies().is_empty(), "a link signs nobody in");
    let shown = user.browser.session().await["user"].clone();
    assert_eq!((&shown["email"], &shown["emailVerified"]), (&json!(new), &json!(true)));
    mail_about(outbox, &old, CHANGED).await;
    assert_eq!(mails_to(outbox, &new).len(), 1, "the new address was asked more than once");

    let token = reset.split(['/', '?']).nth(4).expect("a token").to_owned();
    let body = json!({ "newPassword": "another battery horse", "token": token });
    user.browser.post("/api/auth/reset-password", &body).await.expect_code(400, "INVALID_TOKEN");
    for dead in [&confirm, &verify] {
        follow(&stack, dead).await.expect_code(401, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_newer_request_kills_the_links_of_the_older() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = verified_user(&stack).await;
    let (typo, new) = (fresh_email(), fresh_email());
    ask(&mut user, &typo).await;
    let first = link(&stack, &user.email, CONFIRM).await;
    follow(&stack, &first).await.expect(200);
    let stray = link(&stack, &typo, VERIFY).await;
    ask(&mut user, &new).await;
    let mails = mails_about(&stack.urls().outbox, &user.email, CONFIRM, 2).await;
    for dead in [&first, &stray] {
        follow(&stack, dead).await.expect_code(401, "INVALID_TOKEN");
    }
    let second = mails.iter().map(|mail| path_in(mail)).find(|path| !path.starts_with(&first));
    follow(&stack, &second.expect("another link")).await.expect_empty(302);
    let verify = link(&stack, &new, VERIFY).await;
    let answers = join_all((0..20).map(|_| follow(&stack, &verify))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert_eq!(user.browser.session().await["user"]["email"], new);
}

#[tokio::test]
async fn a_taken_address_looks_like_any_other_and_gets_no_mail() {
    let (stack, _dir) = allowing_stack().await;
    let outbox = &stack.urls().outbox;
    let (mut user, other) =
        (Browser::new(stack.urls()).sign_up().await, Browser::new(stack.urls()).sign_up().await);
    ask(&mut user, &other.email).await;
    let answer = user.browser.post(PATH, &json!({ "newEmail": user.email })).await.expect(400);
    assert_eq!(answer.json(), json!({ "message": "Email is the same" }));
    let new = fresh_email();
    ask(&mut user, &new).await;
    // Looked into after the one before.
    let link = link(&stack, &new, VERIFY).await;
    assert!(mails_to(outbox, &other.email).is_empty());

    // It is free when it is asked about, and taken when the link is followed.
    let body = json!({ "name": "Eve", "email": new, "password": PASSWORD });
    Browser::new(stack.urls()).post("/api/auth/sign-up/email", &body).await.expect(200);
    follow(&stack, &link).await.expect_code(401, "INVALID_TOKEN");
}

#[tokio::test]
async fn a_link_is_refused_to_another_users_session_and_is_not_spent_by_it() {
    let (stack, _dir) = allowing_stack().await;
    let (mut user, mut other) =
        (Browser::new(stack.urls()).sign_up().await, Browser::new(stack.urls()).sign_up().await);
    let new = fresh_email();
    ask(&mut user, &new).await;
    let link = link(&stack, &new, VERIFY).await;
    other.browser.get(&link).await.expect_code(401, "INVALID_USER");
    let answer = other.browser.get(&format!("{link}&callbackURL=%2Fsettings")).await.expect(302);
    assert_eq!(answer.header("location"), Some("/settings?error=INVALID_USER"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    follow(&stack, &link).await.expect(200);
}

#[tokio::test]
async fn links_are_kept_as_digests_and_die_after_an_hour() {
    let (stack, _dir) = allowing_stack().await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let new = fresh_email();
    ask(&mut user, &new).await;
    let link = link(&stack, &new, VERIFY).await;
    let token = link.split_once("token=").expect("a token").1;
    let db = database(&stack).await;
    let stored: String =
        sqlx::query_scalar("SELECT string_agg(v::text, '') FROM identity.verification v")
            .fetch_one(&db)
            .await
            .expect("rows");
    assert!(stored.contains("verify-email-change") && !stored.contains(token), "{stored}");
    let aged = sqlx::query("UPDATE identity.verification SET expires_at = now()").execute(&db);
    aged.await.expect("the hour is over");
    follow(&stack, &link).await.expect_code(401, "INVALID_TOKEN");
}
