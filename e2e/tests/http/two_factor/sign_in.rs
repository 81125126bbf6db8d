//! A sign-in that owes a second factor (contract 6.2, 6.3).

use e2e::{Browser, PASSWORD, expect_user, keys, text};
use serde_json::json;

use super::{Scene, ask, cookie_names, verify_totp};

#[tokio::test]
async fn a_password_alone_gives_a_challenge_and_no_session() {
    let (scene, _app) = Scene::enrolled().await;
    let mut browser = Browser::new(&scene.urls);
    let answer = scene.sign_in(&mut browser).await;
    assert_eq!(
        answer.json(),
        json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp", "otp"] })
    );
    assert_eq!(cookie_names(&answer), ["-session_token", "-session_data", "two_factor"]);
    let line = answer.set_cookies().pop().expect("a line");
    assert!(line.starts_with("better-auth.two_factor=2fa-"), "{line}");
    assert!(line.ends_with("; Max-Age=600; Path=/; HttpOnly; SameSite=Lax"), "{line}");
    assert!(!browser.is_signed_in().await);
    browser.get("/api/servers").await.expect(401);
    // Nor does it pass for a session's cookie.
    let challenge = browser.cookies["better-auth.two_factor"].clone();
    browser.cookies.insert("better-auth.session_token".into(), challenge);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn the_right_code_opens_the_session() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    let before = browser.cookies["better-auth.two_factor"].clone();
    let answer = verify_totp(&mut browser, &app.code()).await.expect(200);
    assert_eq!(cookie_names(&answer), ["session_token", "-two_factor"]);
    assert!(answer.set_cookies()[0].contains("; Max-Age=604800;"), "{answer:?}");
    let body = answer.json();
    assert_eq!(keys(&body), ["token", "user"]);
    expect_user(&body["user"]);
    assert!(browser.session_cookie().starts_with(text(&body["token"])));
    assert_eq!(browser.session().await["user"]["id"], scene.user.id);

    // Used up: the cookie is worth nothing, not even with another right code.
    let mut again = Browser::new(&scene.urls);
    again.cookies.insert("better-auth.two_factor".into(), before);
    let answer = verify_totp(&mut again, &app.code_in(1)).await;
    let answer = answer.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    assert_eq!(cookie_names(&answer), ["-two_factor"]);
}

#[tokio::test]
async fn who_is_not_to_be_remembered_is_not_after_the_second_factor_either() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = Browser::new(&scene.urls);
    let body = json!({ "email": scene.user.email, "password": PASSWORD, "rememberMe": false });
    let answer = browser.post("/api/auth/sign-in/email", &body).await.expect(200);
    assert_eq!(
        cookie_names(&answer),
        ["dont_remember", "-session_token", "-session_data", "two_factor"]
    );
    // A browser that drops the cookie gains nothing: the challenge knows.
    let dropped = browser.cookies.remove("better-auth.dont_remember");
    assert!(dropped.is_some());
    let answer = verify_totp(&mut browser, &app.code()).await.expect(200);
    assert_eq!(cookie_names(&answer), ["session_token", "dont_remember", "-two_factor"]);
    let session = &browser.session().await["session"];
    assert_eq!(e2e::seconds_between(&session["createdAt"], &session["expiresAt"]), 86_400);
}

#[tokio::test]
async fn a_wrong_code_is_told_and_the_challenge_stays() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    for code in [app.wrong_code().as_str(), "", "12345", " 123456", "not a code"] {
        let answer = verify_totp(&mut browser, code).await.expect_code(401, "INVALID_CODE");
        assert_eq!(answer.json()["message"], "Invalid code");
        assert_eq!(cookie_names(&answer), [""; 0]);
        if code == "12345" {
            break;
        }
    }
    verify_totp(&mut browser, &app.code()).await.expect(200);
}

/// MF10: what is expired, made up, or belongs to nobody any more.
#[tokio::test]
async fn a_challenge_that_is_none_opens_nothing_and_is_cleared() {
    let (scene, app) = Scene::enrolled().await;
    let routes = ["verify-totp", "verify-otp", "verify-backup-code", "send-otp"];
    let code = json!({ "code": app.code() });
    for route in routes {
        let answer = ask(&mut Browser::new(&scene.urls), route, code.clone()).await;
        assert_eq!(cookie_names(&answer.expect_code(401, "INVALID_TWO_FACTOR_COOKIE")), [""; 0]);
    }
    let mut forged = Browser::new(&scene.urls);
    let unsigned = "2fa-abcdefghijklmnopqrst.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%3D";
    forged.cookies.insert("better-auth.two_factor".into(), unsigned.into());
    verify_totp(&mut forged, &app.code()).await.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    // A session's token is well signed, but it is no challenge.
    let mut other = Browser::new(&scene.urls);
    other
        .cookies
        .insert("better-auth.two_factor".into(), scene.user.browser.session_cookie().to_owned());
    verify_totp(&mut other, &app.code()).await.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");

    let mut late = scene.half_way().await;
    scene.change("UPDATE mfa.challenge SET expires_at = now() WHERE user_id = $1").await;
    for route in routes {
        let mut late = late.clone();
        let answer =
            ask(&mut late, route, code.clone()).await.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
        assert_eq!(cookie_names(&answer), ["-two_factor"]);
        assert!(!late.is_signed_in().await);
    }
    verify_totp(&mut late, "").await.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
}

#[tokio::test]
async fn a_challenge_takes_no_code_of_another_user() {
    let (ann, _) = Scene::enrolled().await;
    let (_bob, bobs_app) = Scene::enrolled().await;
    let mut browser = ann.half_way().await;
    verify_totp(&mut browser, &bobs_app.code()).await.expect_code(401, "INVALID_CODE");
}

#[tokio::test]
async fn a_session_counts_before_a_challenge() {
    let (ann, anns_app) = Scene::enrolled().await;
    let (mut bob, bobs_app) = Scene::enrolled().await;
    let challenge = ann.half_way().await.cookies["better-auth.two_factor"].clone();
    bob.user.browser.cookies.insert("better-auth.two_factor".into(), challenge);
    verify_totp(&mut bob.user.browser, &anns_app.code()).await.expect_code(401, "INVALID_CODE");
    let answer = verify_totp(&mut bob.user.browser, &bobs_app.code()).await.expect(200);
    assert_eq!(answer.json()["token"], json!(bob.user.token));
    assert_eq!(answer.json()["user"]["id"], json!(bob.user.id));
    assert_eq!(cookie_names(&answer), [""; 0]);
}

#[tokio::test]
async fn a_user_who_is_banned_meanwhile_stays_out() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    let mut admin = e2e::admin(&scene.urls).await;
    admin.asks_about("ban-user", &scene.user.id).await.expect(200);
    let answer = verify_totp(&mut browser, &app.code()).await;
    assert!(matches!(answer.status, 401 | 403), "{answer:?}");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_challenge_from_before_a_recovery_of_the_password_opens_nothing_after_it() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    let mut admin = e2e::admin(&scene.urls).await;
    let body = json!({ "userId": scene.user.id, "newPassword": "another horse battery" });
    admin.asks_admin("set-user-password", body).await.expect(200);
    let answer = verify_totp(&mut browser, &app.code()).await.expect(401);
    let code = answer.json()["code"].clone();
    assert!(
        ["INVALID_TWO_FACTOR_COOKIE", "FAILED_TO_CREATE_SESSION"].contains(&text(&code)),
        "{code}"
    );
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_user_who_is_gone_has_no_challenge() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.half_way().await;
    scene.change("DELETE FROM identity.user WHERE id = $1").await;
    let answer = verify_totp(&mut browser, &app.code()).await;
    let answer = answer.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    assert_eq!(cookie_names(&answer), ["-two_factor"]);
}

#[tokio::test]
async fn foreign_pages_broken_bodies_and_other_methods_get_what_they_get_everywhere() {
    let (scene, app) = Scene::enrolled().await;
    let browser = scene.half_way().await;
    let code = json!({ "code": app.code() });
    let mut foreign = browser.clone().on_page_of(Some("https://evil.example"));
    verify_totp(&mut foreign, &app.code()).await.expect_code(403, "INVALID_ORIGIN");
    let mut untold = browser.clone().on_page_of(None);
    verify_totp(&mut untold, &app.code()).await.expect_code(403, "MISSING_OR_NULL_ORIGIN");
    let mut browser = browser.clone();
    let path = "/api/auth/two-factor/verify-totp";
    browser.post_text(path, "text/plain", "{}").await.expect_code(415, "UNSUPPORTED_MEDIA_TYPE");
    browser.post_text(path, "application/json", "{").await.expect_code(400, "BAD_REQUEST");
    for body in
        [json!({}), json!({ "code": 123_456 }), json!({ "code": "123456", "trustDevice": "yes" })]
    {
        ask(&mut browser, "verify-totp", body).await.expect_code(400, "VALIDATION_ERROR");
    }
    browser.get(path).await.expect(404);
    for hidden in [
        "/api/auth/two-factor/view-backup-codes",
        "/api/auth/totp/generate",
        "/api/auth/two-factor/",
    ] {
        browser.post(hidden, &code).await.expect_empty(404);
    }
}
