//! A passkey and a second factor (MF1, PK3).

use e2e::{Authenticator, Browser, Passkey, User, keys};
use serde_json::json;

use super::{Scene, authenticate_options, verify_authentication};

/// A user with a passkey and an authenticator app.
async fn guarded() -> (Scene, Passkey, Authenticator) {
    let (mut scene, passkey) = Scene::with_passkey().await;
    let app = scene.user.enrols(&scene.stores).await;
    (scene, passkey, app)
}

#[tokio::test]
async fn a_passkey_that_verified_its_user_is_both_factors() {
    let (scene, mut passkey, _) = guarded().await;
    let (mut browser, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    assert_eq!(keys(&answer.expect(200).json()), ["session", "user"]);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_passkey_by_touch_alone_is_one_factor() {
    let (scene, mut passkey, app) = guarded().await;
    let touch = scene.how().without_verification();
    let (mut browser, answer) = scene.signs_in(&mut passkey, &touch).await;
    let answer = answer.expect(200);
    let expected = json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp", "otp"] });
    assert_eq!(answer.json(), expected);
    let cookies = answer.set_cookies();
    assert!(cookies[0].starts_with("better-auth.session_token=; Max-Age=0"), "{cookies:?}");
    assert!(cookies[2].starts_with("better-auth.two_factor=2fa-"), "{cookies:?}");
    assert!(!browser.is_signed_in().await);

    let wrong = json!({ "code": app.wrong_code() });
    let path = "/api/auth/two-factor/verify-totp";
    browser.post(path, &wrong).await.expect_code(401, "INVALID_CODE");
    browser.post(path, &json!({ "code": app.code() })).await.expect(200);
    assert!(browser.is_signed_in().await);
    let id = browser.session().await["session"]["id"].clone();
    let proof: String = sqlx::query_scalar("SELECT proof FROM session.session WHERE id = $1")
        .bind(id.as_str())
        .fetch_one(&scene.stores.db)
        .await
        .expect("a session");
    assert_eq!(proof, "passkey_and_totp");
}

#[tokio::test]
async fn by_touch_alone_is_enough_for_who_has_no_second_factor() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let touch = scene.how().without_verification();
    let (mut browser, answer) = scene.signs_in(&mut passkey, &touch).await;
    answer.expect(200);
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn a_trusted_browser_is_spared_the_other_factor() {
    let (scene, mut passkey, app) = guarded().await;
    let touch = scene.how().without_verification();
    let (mut browser, answer) = scene.signs_in(&mut passkey, &touch).await;
    answer.expect(200);
    let body = json!({ "code": app.code(), "trustDevice": true });
    browser.post("/api/auth/two-factor/verify-totp", &body).await.expect(200);
    browser.post("/api/auth/sign-out", &json!({})).await.expect(200);

    let before = browser.cookies["better-auth.trust_device"].clone();
    let options = authenticate_options(&mut browser).await;
    let response = passkey.assert(&options, &touch);
    let answer = verify_authentication(&mut browser, &response).await.expect(200);
    assert_eq!(keys(&answer.json()), ["session", "user"]);
    assert!(browser.is_signed_in().await);
    assert_ne!(browser.cookies["better-auth.trust_device"], before, "trust was not rotated");
}

/// Turning the codes off leaves the passkeys, whoever does it.
#[tokio::test]
async fn passkeys_survive_the_second_factor() {
    let (mut scene, mut passkey, _) = guarded().await;
    let body = json!({ "password": e2e::PASSWORD });
    scene.user.browser.post("/api/auth/two-factor/disable", &body).await.expect(200);
    assert_eq!(scene.passkeys().await.len(), 1);

    scene.user.enrols(&scene.stores).await;
    let mut admin = e2e::admin(&scene.urls).await;
    let body = json!({ "userId": scene.user.id, "data": { "twoFactorEnabled": false } });
    admin.browser.post("/api/auth/admin/update-user", &body).await.expect(200);
    let gone = e2e::eventually(|| async {
        let left: i64 =
            sqlx::query_scalar("SELECT count(*) FROM mfa.two_factor WHERE user_id = $1")
                .bind(&scene.user.id)
                .fetch_one(&scene.stores.db)
                .await
                .expect("a number");
        (left == 0).then_some(())
    });
    gone.await.expect("the app goes");
    assert_eq!(scene.stored(&passkey).await, 1);
    let touch = scene.how().without_verification();
    let (_, answer) = scene.signs_in(&mut passkey, &touch).await;
    assert_eq!(keys(&answer.expect(200).json()), ["session", "user"]);
}

/// Another passkey, or one less, is a changed factor: trust in browsers ends with it.
#[tokio::test]
async fn a_changed_passkey_ends_trust_and_what_is_half_way() {
    let (mut scene, _, app) = guarded().await;
    let mut trusted = signs_in_half_way(&scene, &scene.user).await;
    let body = json!({ "code": app.backup_codes[0], "trustDevice": true });
    trusted.post("/api/auth/two-factor/verify-backup-code", &body).await.expect(200);
    let mut half_way = signs_in_half_way(&scene, &scene.user).await;

    let id = scene.passkeys().await[0]["id"].clone();
    let body = json!({ "id": id });
    scene.user.browser.post("/api/auth/passkey/delete-passkey", &body).await.expect(200);
    assert!(!trusted.is_signed_in().await);
    let answer = trusted.sign_in(&scene.user.email, e2e::PASSWORD).await.expect(200);
    assert_eq!(answer.json()["twoFactorRedirect"], true, "{answer:?}");
    let body = json!({ "code": app.backup_codes[1] });
    let answer = half_way.post("/api/auth/two-factor/verify-backup-code", &body).await;
    answer.expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
}

async fn signs_in_half_way(scene: &Scene, user: &User) -> Browser {
    let mut browser = scene.stranger();
    let answer = browser.sign_in(&user.email, e2e::PASSWORD).await.expect(200);
    assert_eq!(answer.json()["twoFactorRedirect"], true, "{answer:?}");
    browser
}
