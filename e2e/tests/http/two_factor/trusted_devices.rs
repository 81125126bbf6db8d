//! Browsers from which no second factor is asked (contract 6.6).

use e2e::{Authenticator, Browser, PASSWORD, eventually, keys, text};
use serde_json::json;

use super::{Scene, ask, cookie_names};

const COOKIE: &str = "better-auth.trust_device";

impl Scene {
    /// A browser that is trusted, and in which nobody is signed in.
    async fn trusted(&self, app: &Authenticator) -> Browser {
        self.stores.let_codes_pass(&self.user.id).await;
        let mut browser = self.half_way().await;
        let body = json!({ "code": app.code(), "trustDevice": true });
        let answer = ask(&mut browser, "verify-totp", body).await.expect(200);
        assert_eq!(
            cookie_names(&answer),
            ["session_token", "-two_factor", "trust_device", "-dont_remember"]
        );
        browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
        self.stores.let_codes_pass(&self.user.id).await;
        browser
    }

    async fn is_asked_for_a_factor(&self, browser: &mut Browser) -> bool {
        self.sign_in(browser).await.json()["twoFactorRedirect"] == true
    }

    /// Waits until no device of the user is trusted.
    async fn expect_no_trust(&self) {
        let forgotten = eventually(|| async {
            let count: i64 =
                sqlx::query_scalar("SELECT count(*) FROM mfa.trusted_device WHERE user_id = $1")
                    .bind(&self.user.id)
                    .fetch_one(&self.stores.db)
                    .await
                    .expect("a number");
            (count == 0).then_some(())
        });
        forgotten.await.expect("no device is trusted");
    }
}

#[tokio::test]
async fn a_trusted_browser_is_spared_the_factor_under_a_new_token_each_time() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.trusted(&app).await;
    let first = browser.cookies[COOKIE].clone();
    let mut copy = browser.clone();
    let answer = scene.sign_in(&mut browser).await;
    assert!(answer.json()["token"].is_string(), "{answer:?}");
    assert_eq!(cookie_names(&answer), ["session_token", "trust_device"]);
    assert!(answer.set_cookies()[1].contains("; Max-Age=2592000;"), "{answer:?}");
    assert_ne!(browser.cookies[COOKIE], first);
    assert!(browser.is_signed_in().await);

    // Whoever has copied the cookie is too late, and loses it.
    let answer = scene.sign_in(&mut copy).await;
    assert_eq!(answer.json()["twoFactorRedirect"], true);
    assert_eq!(
        cookie_names(&answer),
        ["-trust_device", "-session_token", "-session_data", "two_factor"]
    );
    assert!(!copy.cookies.contains_key(COOKIE));
}

#[tokio::test]
async fn a_browser_that_another_trusts_is_not_trusted() {
    let (ann, anns_app) = Scene::enrolled().await;
    let (bob, _) = Scene::enrolled().await;
    let mut browser = ann.trusted(&anns_app).await;
    assert!(bob.is_asked_for_a_factor(&mut browser.clone()).await);
    assert!(!ann.is_asked_for_a_factor(&mut browser).await, "bob's attempt cost ann's trust");
}

#[tokio::test]
async fn of_twenty_who_sign_in_with_one_cookie_one_is_spared() {
    let (scene, app) = Scene::enrolled().await;
    let browser = scene.trusted(&app).await;
    let scene = &scene;
    let attempts = (0..20).map(|_| {
        let mut copy = browser.clone();
        async move { copy.sign_in(&scene.user.email, PASSWORD).await }
    });
    let answers = futures_util::future::join_all(attempts).await;
    // On a busy machine some passwords are not judged; of the others, one is spared.
    let judged: Vec<_> = answers.iter().filter(|answer| answer.status == 200).collect();
    assert_eq!(
        judged.iter().filter(|answer| answer.json()["token"].is_string()).count(),
        1,
        "{answers:?}"
    );
}

#[tokio::test]
async fn trust_ends_with_every_change_of_a_factor() {
    let (mut scene, app) = Scene::enrolled().await;
    let mut browser = scene.trusted(&app).await;
    scene.ask("generate-backup-codes", json!({ "password": PASSWORD })).await.expect(200);
    assert!(scene.is_asked_for_a_factor(&mut browser).await, "trusted after new backup codes");

    let mut browser = scene.trusted(&app).await;
    scene.ask("disable", json!({ "password": PASSWORD })).await.expect(200);
    let _app = scene.user.enrols(&scene.stores).await;
    assert!(scene.is_asked_for_a_factor(&mut browser).await, "trusted after disable and enable");
}

#[tokio::test]
async fn trust_ends_with_a_new_password() {
    let (mut scene, app) = Scene::enrolled().await;
    let browser = scene.trusted(&app).await;
    let new = "another horse battery";
    let body =
        json!({ "currentPassword": PASSWORD, "newPassword": new, "revokeOtherSessions": true });
    scene.user.browser.post("/api/auth/change-password", &body).await.expect(200);
    let asked = eventually(|| async {
        let mut copy = browser.clone();
        let answer = copy.sign_in(&scene.user.email, new).await.expect(200);
        // A sign-in that is spared uses the cookie up, so only the first of them tells.
        Some(answer.json()["twoFactorRedirect"] == true)
    });
    assert_eq!(asked.await, Some(true), "trusted after a new password");
}

#[tokio::test]
async fn trust_ends_with_signing_out_everywhere() {
    let (mut scene, app) = Scene::enrolled().await;
    scene.trusted(&app).await;
    scene.user.browser.post("/api/auth/revoke-sessions", &json!({})).await.expect(200);
    scene.expect_no_trust().await;
}

#[tokio::test]
async fn trust_ends_when_an_admin_signs_the_user_out_everywhere() {
    let (mut scene, app) = Scene::enrolled().await;
    scene.trusted(&app).await;
    let mut admin = e2e::admin(&scene.urls).await;
    admin.asks_about("revoke-user-sessions", &scene.user.id).await.expect(200);
    scene.expect_no_trust().await;
    assert!(!scene.user.browser.is_signed_in().await);
}

#[tokio::test]
async fn trust_ends_after_thirty_days_and_with_a_forged_cookie() {
    let (scene, app) = Scene::enrolled().await;
    let mut browser = scene.trusted(&app).await;
    let mut forged = browser.clone();
    let value = forged.cookies[COOKIE].replace("trust-device-", "trust-device_");
    forged.cookies.insert(COOKIE.into(), value);
    assert!(scene.is_asked_for_a_factor(&mut forged).await);
    scene.change("UPDATE mfa.trusted_device SET expires_at = now() WHERE user_id = $1").await;
    assert!(scene.is_asked_for_a_factor(&mut browser).await);
}

#[tokio::test]
async fn a_user_sees_and_ends_the_trust_in_their_devices() {
    let (mut scene, app) = Scene::enrolled().await;
    let mut browser = scene.trusted(&app).await;
    let list = "/api/auth/two-factor/list-trusted-devices";
    let devices = scene.user.browser.get(list).await.expect(200).json();
    assert_eq!(devices.as_array().map(Vec::len), Some(1), "{devices}");
    assert_eq!(
        keys(&devices[0]),
        ["createdAt", "expiresAt", "id", "ipAddress", "lastUsedAt", "userAgent"]
    );
    assert!(!browser.cookies[COOKIE].contains(text(&devices[0]["id"])));

    let body = json!({ "id": devices[0]["id"] });
    let (mut stranger, _) = Scene::enrolled().await;
    stranger.ask("revoke-trusted-device", body.clone()).await.expect(200);
    assert_eq!(scene.user.browser.get(list).await.json(), devices);
    scene.ask("revoke-trusted-device", body).await.expect(200);
    assert_eq!(scene.user.browser.get(list).await.json(), json!([]));
    assert!(scene.is_asked_for_a_factor(&mut browser).await);
    Browser::new(&scene.urls).get(list).await.expect_code(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn trust_is_given_by_any_factor_and_never_in_a_session() {
    let (mut scene, app) = Scene::enrolled().await;
    let body = json!({ "code": app.code(), "trustDevice": true });
    let answer = scene.ask("verify-totp", body).await.expect(200);
    assert_eq!(cookie_names(&answer), [""; 0]);
    let mut browser = scene.half_way().await;
    let body = json!({ "code": app.backup_codes[0], "trustDevice": true });
    let answer = ask(&mut browser, "verify-backup-code", body).await.expect(200);
    assert!(cookie_names(&answer).contains(&"trust_device".to_owned()), "{answer:?}");
    browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert!(!scene.is_asked_for_a_factor(&mut browser).await);
}
