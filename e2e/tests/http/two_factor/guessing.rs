//! How often may be guessed (contract 6.5, and stricter).

use e2e::{Answer, Browser, PASSWORD};
use serde_json::json;

use super::{Scene, ask, cookie_names, verify_totp};

const SPENT: &str = "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE";
const LOCKED: &str = "ACCOUNT_TEMPORARILY_LOCKED";

fn is_locked(answer: &Answer) -> bool {
    answer.status == 429 && answer.json()["code"] == LOCKED
}

#[tokio::test]
async fn five_wrong_codes_end_a_challenge_whatever_the_factor() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    ask(&mut browser, "send-otp", json!({})).await.expect(200);
    for _ in 0..2 {
        verify_totp(&mut browser, &app.wrong_code()).await.expect_code(401, "INVALID_CODE");
        ask(&mut browser, "verify-backup-code", json!({ "code": "x" }))
            .await
            .expect_code(401, "INVALID_BACKUP_CODE");
    }
    let answer = ask(&mut browser, "verify-otp", json!({ "code": "x" })).await;
    answer.expect_code(401, "INVALID_CODE");
    let kept = browser.clone();
    let answer = verify_totp(&mut browser, &app.code()).await.expect_code(400, SPENT);
    assert_eq!(answer.json()["message"], "Too many attempts. Please request a new code.");
    assert_eq!(cookie_names(&answer), ["-two_factor"]);
    for route in ["verify-totp", "verify-backup-code", "send-otp"] {
        let answer = ask(&mut kept.clone(), route, json!({ "code": app.backup_codes[0] })).await;
        answer.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    }
    // The right code in a new challenge is still good.
    verify_totp(&mut scene.half_way().await, &app.code()).await.expect(200);
}

/// MF2: over challenges and factors, and for who has codes by mail only as well.
#[tokio::test]
async fn ten_wrong_codes_lock_the_account() {
    let (scene, app) = Scene::enrolled().await;
    let (mut first, mut second) = (scene.half_way().await, scene.half_way().await);
    for _ in 0..5 {
        verify_totp(&mut first, &app.wrong_code()).await.expect_code(401, "INVALID_CODE");
        ask(&mut second, "verify-backup-code", json!({ "code": "x" }))
            .await
            .expect_code(401, "INVALID_BACKUP_CODE");
    }
    let mut third = scene.half_way().await;
    let answer = verify_totp(&mut third, &app.code()).await.expect_code(429, LOCKED);
    assert!(
        answer.json()["message"].as_str().is_some_and(|text| text.contains("temporarily locked"))
    );
    assert_eq!(cookie_names(&answer), [""; 0]);
    for (route, code) in
        [("verify-backup-code", &app.backup_codes[0]), ("send-otp", &String::new())]
    {
        ask(&mut third, route, json!({ "code": code })).await.expect_code(429, LOCKED);
    }
    // A quarter of an hour later; no code was lost meanwhile.
    scene.change("UPDATE mfa.guard SET locked_until = now() WHERE user_id = $1").await;
    verify_totp(&mut third, &app.wrong_code()).await.expect_code(401, "INVALID_CODE");
    ask(&mut third, "verify-backup-code", json!({ "code": app.backup_codes[0] })).await.expect(200);
    let left: i64 = sqlx::query_scalar("SELECT count(*) FROM mfa.guard WHERE user_id = $1")
        .bind(&scene.user.id)
        .fetch_one(&scene.stores.db)
        .await
        .expect("a number");
    assert_eq!(left, 0, "a right code does not end the count");
}

#[tokio::test]
async fn who_has_codes_by_mail_only_is_locked_as_well() {
    let scene = Scene::with_mailed_codes().await;
    for _ in 0..2 {
        let mut browser = scene.half_way().await;
        ask(&mut browser, "send-otp", json!({})).await.expect(200);
        for _ in 0..5 {
            ask(&mut browser, "verify-otp", json!({ "code": "x" }))
                .await
                .expect_code(401, "INVALID_CODE");
        }
    }
    let mut browser = scene.half_way().await;
    assert!(is_locked(&ask(&mut browser, "send-otp", json!({})).await));
}

#[tokio::test]
async fn a_lock_keeps_out_nobody_who_is_trusted_or_signed_in() {
    let (mut scene, app) = Scene::enrolled().await;
    let mut trusted = scene.half_way().await;
    let body = json!({ "code": app.code(), "trustDevice": true });
    ask(&mut trusted, "verify-totp", body).await.expect(200);
    scene.stores.let_codes_pass(&scene.user.id).await;
    for _ in 0..2 {
        let mut stranger = scene.half_way().await;
        for _ in 0..5 {
            verify_totp(&mut stranger, &app.wrong_code()).await.expect_code(401, "INVALID_CODE");
        }
    }
    assert!(is_locked(&verify_totp(&mut scene.half_way().await, &app.code()).await));
    let answer = scene.sign_in(&mut trusted).await;
    assert!(answer.json()["token"].is_string(), "the owner is locked out: {answer:?}");
    verify_totp(&mut scene.user.browser, &app.code()).await.expect(200);

    // A new password ends what was guessed under the old one.
    let new = "another horse battery";
    let body =
        json!({ "currentPassword": PASSWORD, "newPassword": new, "revokeOtherSessions": true });
    scene.user.browser.post("/api/auth/change-password", &body).await.expect(200);
    scene.stores.let_codes_pass(&scene.user.id).await;
    let scene = &scene;
    let opened = e2e::eventually(|| async {
        let mut browser = Browser::new(&scene.urls);
        browser.sign_in(&scene.user.email, new).await.expect(200);
        (verify_totp(&mut browser, &app.code()).await.status == 200).then_some(())
    });
    opened.await.expect("the lock is lifted");
}

/// MF6: a stolen session is no way to guess.
#[tokio::test]
async fn a_session_has_as_few_guesses_as_a_challenge() {
    let (mut scene, app) = Scene::enrolled().await;
    for _ in 0..5 {
        verify_totp(&mut scene.user.browser, &app.wrong_code())
            .await
            .expect_code(401, "INVALID_CODE");
    }
    let answer = verify_totp(&mut scene.user.browser, &app.code()).await.expect_code(400, SPENT);
    assert_eq!(cookie_names(&answer), [""; 0]);
    let backup = json!({ "code": app.backup_codes[0] });
    scene.ask("verify-backup-code", backup.clone()).await.expect_code(400, SPENT);
    scene.ask("verify-otp", json!({ "code": "x" })).await.expect_code(400, "OTP_HAS_EXPIRED");
    scene.ask("send-otp", json!({})).await.expect(200);
    let code = scene.code_mails(1).await.remove(0);
    scene.ask("verify-otp", json!({ "code": code })).await.expect_code(400, SPENT);
    scene.ask("verify-otp", json!({ "code": code })).await.expect_code(400, "OTP_HAS_EXPIRED");
    assert!(scene.user.browser.is_signed_in().await);

    // Ten minutes later five more, and then the door is locked.
    let later = "UPDATE mfa.allowance SET ends_at = now() \
                  WHERE what IN (SELECT 'session:' || id FROM session.session WHERE user_id = $1)";
    scene.change(later).await;
    for _ in 0..5 {
        verify_totp(&mut scene.user.browser, &app.wrong_code())
            .await
            .expect_code(401, "INVALID_CODE");
    }
    scene.change(later).await;
    assert!(is_locked(&verify_totp(&mut scene.user.browser, &app.code()).await));
    // Signing in is another door.
    verify_totp(&mut scene.half_way().await, &app.code()).await.expect(200);
}

#[tokio::test]
async fn a_session_is_no_way_to_guess_the_password() {
    let (mut scene, _app) = Scene::enrolled().await;
    for _ in 0..10 {
        scene
            .ask("disable", json!({ "password": "wrong horse" }))
            .await
            .expect_code(400, "INVALID_PASSWORD");
    }
    for route in ["disable", "enable", "get-totp-uri", "generate-backup-codes"] {
        scene.ask(route, json!({ "password": PASSWORD })).await.expect_code(429, LOCKED);
    }
    scene
        .change(
            "UPDATE mfa.guard SET locked_until = now() WHERE user_id = $1 AND door = 'password'",
        )
        .await;
    // Where the password is checked the same guesses were counted.
    scene
        .change(
            "DELETE FROM identity.guess WHERE digest = \
             sha256('session'::bytea || '\\x00'::bytea || convert_to('user ' || $1, 'UTF8'))",
        )
        .await;
    scene.ask("disable", json!({ "password": PASSWORD })).await.expect(200);
}

/// MF4 and MF5: a code is good once, and for thirty seconds before and after.
#[tokio::test]
async fn a_code_is_good_once_wherever_it_is_used() {
    let (mut scene, app) = Scene::enrolled().await;
    let code = app.code();
    let (mut one, mut other) = (scene.half_way().await, scene.half_way().await);
    verify_totp(&mut one, &code).await.expect(200);
    verify_totp(&mut other, &code).await.expect_code(401, "INVALID_CODE");
    verify_totp(&mut scene.user.browser, &code).await.expect_code(401, "INVALID_CODE");
    // Nor is one from before it.
    verify_totp(&mut other, &app.code_in(-1)).await.expect_code(401, "INVALID_CODE");
    verify_totp(&mut other, &app.code_in(1)).await.expect(200);
}

#[tokio::test]
async fn the_code_of_the_enrolment_does_not_sign_in() {
    let mut scene = Scene::new().await;
    let app = scene.user.begins_enrolment().await;
    let code = app.code();
    verify_totp(&mut scene.user.browser, &code).await.expect(200);
    verify_totp(&mut scene.half_way().await, &code).await.expect_code(401, "INVALID_CODE");
}

#[tokio::test]
async fn codes_of_more_than_a_step_away_are_wrong() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    for steps in [-3, 3, 100] {
        verify_totp(&mut browser, &app.code_in(steps)).await.expect_code(401, "INVALID_CODE");
    }
}
