//! Codes sent by mail.

use e2e::{Browser, PASSWORD, eventually, mails_about};
use serde_json::json;

use super::{CHANGE_MAIL, CODE_MAIL, Scene, ask, cookie_names};

#[tokio::test]
async fn codes_by_mail_count_at_once_and_rotate_the_session() {
    let mut scene = Scene::new().await;
    let mut old = scene.user.browser.clone();
    let answer =
        scene.ask("enable", json!({ "password": PASSWORD, "method": "otp" })).await.expect(200);
    assert_eq!(answer.json(), json!({ "method": "otp" }));
    assert_eq!(cookie_names(&answer), ["session_token"]);
    assert!(!old.is_signed_in().await && scene.user.browser.is_signed_in().await);
    let answer = scene.sign_in(&mut Browser::new(&scene.urls)).await;
    assert_eq!(answer.json(), json!({ "twoFactorRedirect": true, "twoFactorMethods": ["otp"] }));
    mails_about(&scene.urls.outbox, &scene.user.email, CHANGE_MAIL, 1).await;
}

#[tokio::test]
async fn a_mailed_code_opens_a_session_once() {
    let scene = Scene::with_mailed_codes().await;
    let mut browser = scene.half_way().await;
    ask(&mut browser, "verify-otp", json!({ "code": "123456" }))
        .await
        .expect_code(400, "OTP_HAS_EXPIRED");
    let answer = ask(&mut browser, "send-otp", json!({})).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    let code = scene.code_mails(1).await.remove(0);
    let before = browser.clone();
    let answer = ask(&mut browser, "verify-otp", json!({ "code": code })).await.expect(200);
    assert_eq!(cookie_names(&answer), ["session_token", "-two_factor"]);
    assert!(browser.is_signed_in().await);
    let again = ask(&mut before.clone(), "verify-otp", json!({ "code": code })).await;
    again.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    // In another challenge it never was good.
    let mut other = scene.half_way().await;
    ask(&mut other, "verify-otp", json!({ "code": code }))
        .await
        .expect_code(400, "OTP_HAS_EXPIRED");
    ask(&mut other, "send-otp", json!({})).await.expect(200);
    let newest = scene.code_mails(2).await.remove(1);
    if newest != code {
        ask(&mut other, "verify-otp", json!({ "code": code }))
            .await
            .expect_code(401, "INVALID_CODE");
    }
}

#[tokio::test]
async fn a_mailed_code_is_good_for_three_minutes() {
    let scene = Scene::with_mailed_codes().await;
    let mut browser = scene.half_way().await;
    ask(&mut browser, "send-otp", json!({})).await.expect(200);
    let code = scene.code_mails(1).await.remove(0);
    let left: f64 = sqlx::query_scalar(
        "SELECT extract(epoch FROM expires_at - now())::float8 FROM mfa.email_code WHERE user_id = $1",
    )
    .bind(&scene.user.id)
    .fetch_one(&scene.stores.db)
    .await
    .expect("a code");
    assert!((100.0..=180.0).contains(&left), "{left}");
    scene.change("UPDATE mfa.email_code SET expires_at = now() WHERE user_id = $1").await;
    ask(&mut browser, "verify-otp", json!({ "code": code }))
        .await
        .expect_code(400, "OTP_HAS_EXPIRED");
}

#[tokio::test]
async fn a_new_code_takes_the_place_of_the_last_and_gives_no_attempts_back() {
    let scene = Scene::with_mailed_codes().await;
    let mut browser = scene.half_way().await;
    ask(&mut browser, "send-otp", json!({})).await.expect(200);
    let first = scene.code_mails(1).await.remove(0);
    let wrong = |right: &str| if right == "000000" { "000001" } else { "000000" }.to_owned();
    for _ in 0..3 {
        ask(&mut browser, "verify-otp", json!({ "code": wrong(&first) }))
            .await
            .expect_code(401, "INVALID_CODE");
    }
    ask(&mut browser, "send-otp", json!({})).await.expect(200);
    let second = scene.code_mails(2).await.remove(1);
    for _ in 0..2 {
        ask(&mut browser, "verify-otp", json!({ "code": wrong(&second) }))
            .await
            .expect_code(401, "INVALID_CODE");
    }
    let answer = ask(&mut browser, "verify-otp", json!({ "code": second })).await;
    let answer = answer.expect_code(400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE");
    assert_eq!(cookie_names(&answer), ["-two_factor"]);
    assert!(!browser.is_signed_in().await);
}

/// MF14: whoever knows the password cannot fill the mailbox with it.
#[tokio::test]
async fn a_user_is_sent_five_codes_in_ten_minutes_whoever_asks() {
    let scene = Scene::with_mailed_codes().await;
    let (mut one, mut other) = (scene.half_way().await, scene.half_way().await);
    for _ in 0..3 {
        ask(&mut one, "send-otp", json!({})).await.expect(200);
    }
    for _ in 0..2 {
        ask(&mut other, "send-otp", json!({})).await.expect(200);
    }
    for browser in [&mut one, &mut other] {
        ask(browser, "send-otp", json!({})).await.expect_code(429, "TOO_MANY_CODES_REQUESTED");
    }
    let mails = mails_about(&scene.urls.outbox, &scene.user.email, CODE_MAIL, 5).await;
    assert_eq!(mails.len(), 5);
    scene.change("UPDATE mfa.allowance SET ends_at = now() WHERE what = 'mails:' || $1").await;
    ask(&mut other, "send-otp", json!({})).await.expect(200);
}

#[tokio::test]
async fn the_first_mailed_code_in_a_session_enables_them() {
    let mut scene = Scene::new().await;
    scene.ask("send-otp", json!({})).await.expect(200);
    let code = scene.code_mails(1).await.remove(0);
    let answer = scene.ask("verify-otp", json!({ "code": code })).await.expect(200);
    assert_eq!(answer.json()["user"]["twoFactorEnabled"], true);
    assert_eq!(cookie_names(&answer), ["session_token"]);
    assert_ne!(answer.json()["token"], json!(scene.user.token));
    assert!(scene.user.browser.is_signed_in().await);
}

#[tokio::test]
async fn a_code_goes_to_the_address_of_now() {
    let scene = Scene::with_mailed_codes().await;
    let mut browser = scene.half_way().await;
    let address = e2e::fresh_email();
    sqlx::query("UPDATE identity.user SET email = $2, version = version + 1 WHERE id = $1")
        .bind(&scene.user.id)
        .bind(&address)
        .execute(&scene.stores.db)
        .await
        .expect("the address is changed");
    ask(&mut browser, "send-otp", json!({})).await.expect(200);
    let outbox = &scene.urls.outbox;
    let there = eventually(|| async { e2e::mails_to(outbox, &address).pop() }).await;
    assert!(there.is_some());
    let old = e2e::mails_to(outbox, &scene.user.email);
    assert!(!old.iter().any(|mail| mail.contains(CODE_MAIL)), "{old:?}");
}
