//! What is kept of a user decides: their hash, their factor, their ban.

use e2e::{Browser, CLEARED, PASSWORD, fresh_email, keys, shared};
use serde_json::{Value, json};

use super::{expect_wrong_credentials, scene};

#[tokio::test]
async fn hashes_made_elsewhere_verify() {
    let mut scene = scene().await;
    for prefix in ["$2a$", "$2y$", "$2b$"] {
        scene.store_password("overlay(password PLACING $2 FROM 1 FOR 4)", Some(prefix)).await;
        scene.sign_in_with(json!({})).await.expect(200);
        expect_wrong_credentials(scene.sign_in_with(json!({ "password": "wrong horse" })).await);
    }
}

#[tokio::test]
async fn a_hash_of_a_cut_password_verifies_the_whole_one() {
    let urls = shared().await;
    let (email, cut) = (fresh_email(), "a".repeat(72));
    let body = json!({ "name": "Ann", "email": email, "password": cut });
    Browser::new(&urls).post("/api/auth/sign-up/email", &body).await.expect(200);
    let mut browser = Browser::new(&urls);
    browser.sign_in(&email, &format!("{cut} and more")).await.expect(200);
    browser.sign_in(&email, &"a".repeat(71)).await.expect(401);
}

#[tokio::test]
async fn a_corrupt_hash_matches_nothing() {
    let mut scene = scene().await;
    for stored in [
        "",
        "nonsense",
        PASSWORD,
        "$2b$",
        "$2b$10$",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$2x$10$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaA",
    ] {
        scene.store_password("$2", Some(stored)).await;
        expect_wrong_credentials(scene.sign_in_with(json!({})).await);
    }
}

#[tokio::test]
async fn whoever_owes_a_second_factor_has_no_session_yet() {
    let mut scene = scene().await;
    scene.change_user("two_factor_enabled = true").await;
    let answer = scene.sign_in_with(json!({})).await.expect(200);
    assert_eq!(keys(&answer.json()), ["twoFactorMethods", "twoFactorRedirect"]);
    assert_eq!(answer.json()["twoFactorRedirect"], true);
    let lines = answer.set_cookies();
    assert_eq!(lines[..2], CLEARED[..2]);
    assert!(lines[2].starts_with("better-auth.two_factor=2fa-"), "{lines:?}");
    assert!(lines[2].ends_with("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"), "{lines:?}");
    assert_eq!(lines.len(), 3);
    assert!(!scene.browser.is_signed_in().await);
    expect_wrong_credentials(scene.sign_in_with(json!({ "password": "wrong horse" })).await);
}

#[tokio::test]
async fn a_ban_is_told_only_to_who_knows_the_password() {
    let mut scene = scene().await;
    scene.change_user("banned = true, ban_reason = 'spam'").await;
    let answer = scene.sign_in_with(json!({})).await.expect(403);
    let message = "You have been banned from this application. Please contact support if you believe this is an error.";
    assert_eq!(answer.json(), json!({ "message": message, "code": "BANNED_USER" }));
    assert_eq!(answer.set_cookies(), [""; 0]);
    expect_wrong_credentials(scene.sign_in_with(json!({ "password": "wrong horse" })).await);
}

#[tokio::test]
async fn a_ban_ends_with_its_time() {
    let mut scene = scene().await;
    scene.change_user("banned = true, ban_expires = now() + interval '1 hour'").await;
    scene.sign_in_with(json!({})).await.expect_code(403, "BANNED_USER");
    scene.change_user("ban_expires = now() - interval '1 second'").await;
    scene.sign_in_with(json!({})).await.expect(200);
    let user = &scene.browser.session().await["user"];
    assert_eq!((&user["banned"], &user["banExpires"]), (&json!(false), &Value::Null));
}
