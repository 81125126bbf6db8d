//! Enrolling an authenticator app, and what is shown of it.

use e2e::{Authenticator, Browser, PASSWORD, expect_user, keys, mails_about, text};
use serde_json::json;

use super::{CHANGE_MAIL, Scene, ask, cookie_names, verify_totp};

#[tokio::test]
async fn nothing_counts_until_a_code_was_given() {
    let mut scene = Scene::new().await;
    let answer = scene.ask("enable", json!({ "password": PASSWORD })).await.expect(200);
    assert_eq!(cookie_names(&answer), [""; 0]);
    let body = answer.json();
    assert_eq!(keys(&body), ["backupCodes", "method", "totpURI"]);
    assert_eq!(body["method"], "totp");
    let app = Authenticator::scan(&body);
    let email = scene.user.email.replace('@', "%40");
    let (before, after) = app.uri.split_once("?secret=").expect("a secret");
    assert_eq!(before, format!("otpauth://totp/StellarStack:{email}"));
    let (secret, rest) = after.split_once('&').expect("more");
    assert!(
        secret.len() == 52
            && secret.bytes().all(|b| b.is_ascii_uppercase() || (b'2'..=b'7').contains(&b))
    );
    assert_eq!(rest, "issuer=StellarStack&digits=6&period=30");
    assert_eq!(app.backup_codes.len(), 10);

    let mut other = Browser::new(&scene.urls);
    let answer = scene.sign_in(&mut other).await.json();
    assert!(answer["token"].is_string(), "an unfinished enrolment asks for a factor: {answer}");
    assert_eq!(other.session().await["user"]["twoFactorEnabled"], false);
    // Given up, and begun anew: the first secret is no good any more.
    let second = scene.user.begins_enrolment().await;
    verify_totp(&mut scene.user.browser, &app.code()).await.expect_code(401, "INVALID_CODE");
    verify_totp(&mut scene.user.browser, &second.code()).await.expect(200);
}

#[tokio::test]
async fn the_first_code_enables_rotates_the_session_and_ends_all_others() {
    let mut scene = Scene::new().await;
    let mut other = Browser::new(&scene.urls);
    scene.sign_in(&mut other).await;
    let mut old = scene.user.browser.clone();
    let app = scene.user.begins_enrolment().await;

    let answer = verify_totp(&mut scene.user.browser, &app.code()).await.expect(200);
    let body = answer.json();
    assert_eq!(keys(&body), ["token", "user"]);
    expect_user(&body["user"]);
    assert_eq!(body["user"]["twoFactorEnabled"], true);
    assert_ne!(body["token"], json!(scene.user.token));
    assert_eq!(cookie_names(&answer), ["session_token"]);
    assert!(scene.user.browser.session_cookie().starts_with(text(&body["token"])));

    let session = scene.user.browser.session().await;
    assert_eq!(session["user"]["twoFactorEnabled"], true);
    assert_eq!(session["session"]["token"], body["token"]);
    assert!(!old.is_signed_in().await, "the replaced session is alive");
    assert!(!other.is_signed_in().await, "another session outlived the change");
    let mails = mails_about(&scene.urls.outbox, &scene.user.email, CHANGE_MAIL, 1).await;
    assert!(mails[0].contains("authenticator app"), "{}", mails[0]);
}

#[tokio::test]
async fn a_session_of_one_day_stays_one_when_it_is_rotated() {
    let scene = Scene::new().await;
    let mut browser = Browser::new(&scene.urls);
    let body = json!({ "email": scene.user.email, "password": PASSWORD, "rememberMe": false });
    browser.post("/api/auth/sign-in/email", &body).await.expect(200);
    let enabled =
        ask(&mut browser, "enable", json!({ "password": PASSWORD })).await.expect(200).json();
    let answer = verify_totp(&mut browser, &Authenticator::scan(&enabled).code()).await.expect(200);
    assert_eq!(cookie_names(&answer), ["session_token", "dont_remember"]);
    assert!(!answer.set_cookies()[0].contains("Max-Age"), "{answer:?}");
    let session = &browser.session().await["session"];
    assert_eq!(e2e::seconds_between(&session["createdAt"], &session["expiresAt"]), 86_400);
}

#[tokio::test]
async fn enable_refuses_what_the_contract_refuses() {
    let (mut scene, _app) = Scene::enrolled().await;
    for body in
        [json!({}), json!({ "password": 1 }), json!({ "password": PASSWORD, "method": "sms" })]
    {
        scene.ask("enable", body.clone()).await.expect_code(400, "VALIDATION_ERROR");
        let mut nobody = Browser::new(&scene.urls);
        ask(&mut nobody, "enable", body).await.expect_code(400, "VALIDATION_ERROR");
    }
    let mut nobody = Browser::new(&scene.urls);
    for route in ["enable", "disable", "get-totp-uri", "generate-backup-codes"] {
        ask(&mut nobody, route, json!({ "password": PASSWORD }))
            .await
            .expect_code(401, "UNAUTHORIZED");
        ask(&mut nobody, route, json!({})).await.expect_code(400, "VALIDATION_ERROR");
        scene
            .ask(route, json!({ "password": "wrong horse" }))
            .await
            .expect_code(400, "INVALID_PASSWORD");
    }
    scene
        .ask("enable", json!({ "password": PASSWORD }))
        .await
        .expect_code(400, "TOTP_ALREADY_ENABLED");
    let long = json!({ "password": PASSWORD, "issuer": "x".repeat(65) });
    scene.ask("enable", long).await.expect_code(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn the_address_and_the_picture_of_an_app() {
    let mut scene = Scene::new().await;
    let password = json!({ "password": PASSWORD });
    let picture = "/api/auth/two-factor/qr-code";
    Browser::new(&scene.urls).get(picture).await.expect_code(401, "UNAUTHORIZED");
    scene.user.browser.get(picture).await.expect_code(400, "TOTP_NOT_ENABLED");
    scene
        .ask("get-totp-uri", json!({ "password": "wrong" }))
        .await
        .expect_code(400, "TOTP_NOT_ENABLED");

    let enabled = scene
        .ask("enable", json!({ "password": PASSWORD, "issuer": "My Panel" }))
        .await
        .expect(200);
    let app = Authenticator::scan(&enabled.json());
    assert!(
        app.uri.starts_with("otpauth://totp/My%20Panel:") && app.uri.contains("&issuer=My+Panel&"),
        "{}",
        app.uri
    );
    assert_eq!(
        scene.ask("get-totp-uri", password.clone()).await.expect(200).json(),
        json!({ "totpURI": app.uri })
    );
    let svg = scene.user.browser.get(picture).await.expect(200);
    assert_eq!(svg.header("content-type"), Some("image/svg+xml"));
    assert_eq!(svg.header("cache-control"), Some("no-store"));
    assert!(svg.body.contains("<svg") && !svg.body.contains(&app.uri));

    verify_totp(&mut scene.user.browser, &app.code()).await.expect(200);
    // From now on only with the password.
    scene.user.browser.get(picture).await.expect_code(400, "TOTP_NOT_ENABLED");
    assert_eq!(
        scene.ask("get-totp-uri", password).await.expect(200).json(),
        json!({ "totpURI": app.uri })
    );
}

#[tokio::test]
async fn a_picture_is_there_no_longer_than_a_sign_in_may_wait() {
    let mut scene = Scene::new().await;
    scene.user.begins_enrolment().await;
    scene.change("UPDATE mfa.two_factor SET created_at = created_at - interval '10 minutes' WHERE user_id = $1").await;
    scene
        .user
        .browser
        .get("/api/auth/two-factor/qr-code")
        .await
        .expect_code(400, "TOTP_NOT_ENABLED");
}

#[tokio::test]
async fn an_app_joins_codes_by_mail_without_a_new_session() {
    let mut scene = Scene::with_mailed_codes().await;
    let mut other = scene.half_way().await;
    ask(&mut other, "send-otp", json!({})).await.expect(200);
    let code = scene.code_mails(1).await.remove(0);
    ask(&mut other, "verify-otp", json!({ "code": code })).await.expect(200);

    let app = scene.user.begins_enrolment().await;
    let answer = verify_totp(&mut scene.user.browser, &app.code()).await.expect(200);
    assert_eq!(cookie_names(&answer), [""; 0]);
    assert!(scene.user.browser.is_signed_in().await);
    assert!(!other.is_signed_in().await, "another session outlived the change");
    let methods =
        scene.sign_in(&mut Browser::new(&scene.urls)).await.json()["twoFactorMethods"].clone();
    assert_eq!(methods, json!(["totp", "otp"]));
}

#[tokio::test]
async fn what_is_stored_opens_nothing() {
    let (scene, app) = Scene::enrolled().await;
    let key: (Vec<u8>, String) =
        sqlx::query_as("SELECT secret, key_id FROM mfa.two_factor WHERE user_id = $1")
            .bind(&scene.user.id)
            .fetch_one(&scene.stores.db)
            .await
            .expect("a row");
    let secret = app.uri.split("secret=").nth(1).expect("a secret");
    assert!(
        key.0.len() > 32 + 24 && !String::from_utf8_lossy(&key.0).contains(&secret[..8]),
        "{}",
        key.1
    );
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT digest FROM mfa.backup_code WHERE user_id = $1")
            .bind(&scene.user.id)
            .fetch_all(&scene.stores.db)
            .await
            .expect("rows");
    assert!(stored.len() == 10 && stored.iter().all(|digest| digest.len() == 32));
}
