//! Turning a second factor off, and who may change one.

use e2e::{Browser, PASSWORD, mails_about};
use serde_json::json;

use super::{CHANGE_MAIL, Scene, ask, cookie_names, verify_totp};

#[tokio::test]
async fn disable_takes_everything_away_and_rotates_the_session() {
    let (mut scene, app) = Scene::enrolled().await;
    let mut other = scene.half_way().await;
    let body = json!({ "code": app.code(), "trustDevice": true });
    ask(&mut other, "verify-totp", body).await.expect(200);
    let mut waiting = scene.half_way().await;
    let mut old = scene.user.browser.clone();
    let trust = other.cookies["better-auth.trust_device"].clone();
    scene.user.browser.cookies.insert("better-auth.trust_device".into(), trust);

    let answer = scene.ask("disable", json!({ "password": PASSWORD })).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    assert_eq!(cookie_names(&answer), ["session_token", "-trust_device"]);
    assert_eq!(scene.user.browser.session().await["user"]["twoFactorEnabled"], false);
    assert!(!old.is_signed_in().await && !other.is_signed_in().await);
    scene.stores.let_codes_pass(&scene.user.id).await;
    verify_totp(&mut waiting, &app.code()).await.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    let answer = scene.sign_in(&mut Browser::new(&scene.urls)).await;
    assert!(answer.json()["token"].is_string(), "{answer:?}");
    scene
        .ask("get-totp-uri", json!({ "password": PASSWORD }))
        .await
        .expect_code(400, "TOTP_NOT_ENABLED");
    scene
        .ask("verify-totp", json!({ "code": app.code() }))
        .await
        .expect_code(400, "TOTP_NOT_ENABLED");
    let mails = mails_about(&scene.urls.outbox, &scene.user.email, CHANGE_MAIL, 2).await;
    assert!(mails.iter().any(|mail| mail.contains("turned off")), "{mails:?}");
}

/// MF9: whoever acts as the user decides nothing about how they sign in.
#[tokio::test]
async fn an_admin_who_acts_as_a_user_changes_no_factor() {
    let (scene, app) = Scene::enrolled().await;
    let mut admin = e2e::admin(&scene.urls).await;
    admin.asks_about("impersonate-user", &scene.user.id).await.expect(200);
    let code = "NOT_ALLOWED_WHILE_IMPERSONATING";
    for route in ["enable", "disable", "get-totp-uri", "generate-backup-codes"] {
        ask(&mut admin.browser, route, json!({ "password": PASSWORD }))
            .await
            .expect_code(403, code);
    }
    for route in ["verify-totp", "verify-otp", "verify-backup-code", "send-otp"] {
        ask(&mut admin.browser, route, json!({ "code": app.code() })).await.expect_code(403, code);
    }
    for path in ["/api/auth/two-factor/qr-code", "/api/auth/two-factor/list-trusted-devices"] {
        admin.browser.get(path).await.expect_code(403, code);
    }
}

#[tokio::test]
async fn a_changed_factor_is_noted_once_and_in_order() {
    let (scene, _app) = Scene::enrolled().await;
    let (id, change): (String, sqlx::types::Uuid) =
        sqlx::query_as("SELECT id, two_factor_change FROM identity.user WHERE id = $1")
            .bind(&scene.user.id)
            .fetch_one(&scene.stores.db)
            .await
            .expect("a change");
    assert_eq!(change.get_version_num(), 7, "{id}");
    let open = e2e::eventually(|| async {
        let open: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM mfa.outbox WHERE subject = 'identity.v1.two-factor.set' AND payload ->> 'user_id' = $1",
        )
        .bind(&scene.user.id)
        .fetch_one(&scene.stores.db)
        .await
        .expect("a number");
        (open == 0).then_some(())
    });
    open.await.expect("the promise is closed");
}
