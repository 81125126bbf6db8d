//! MF1 for social sign-ins: a provider's word is one factor

use e2e::{Authenticator, Browser, Stores, User, fresh_id, github, google, shared, with};
use serde_json::{Value, json};

use super::{proved_user, stranger};

/// A user with a second factor, who can come by GitHub and by Google.
struct Scene {
    user: User,
    app: Authenticator,
    github: Value,
    google: Value,
}

impl Scene {
    async fn new() -> Self {
        let mut user = proved_user().await;
        let github = github(fresh_id(), &user.email, true);
        let google = google(fresh_id(), &user.email, true);
        user.browser.link_socially("github", &github).await.expect_redirect("/linked");
        user.browser.link_socially("google", &google).await.expect_redirect("/linked");
        let stores = Stores::open(&shared().await).await;
        let app = user.enrols(&stores).await;
        Self { user, app, github, google }
    }

    async fn half_way(&self) -> Browser {
        let mut browser = stranger().await;
        let answer = browser.sign_in_socially("github", &self.github).await;
        let expected = "/dash?twoFactorRedirect=true&twoFactorMethods=totp%2Cotp";
        let answer = answer.expect_redirect(expected);
        let cookies = answer.set_cookies().join("\n");
        assert!(cookies.contains("better-auth.two_factor=2fa-"), "{cookies}");
        assert!(!cookies.contains(&self.user.token), "{cookies}");
        browser
    }
}

#[tokio::test]
async fn a_providers_word_alone_is_a_challenge_and_no_session() {
    let scene = Scene::new().await;
    let mut browser = scene.half_way().await;
    assert!(!browser.is_signed_in().await);
    browser.get("/api/servers").await.expect(401);
    browser.get("/api/auth/list-accounts").await.expect_code(401, "UNAUTHORIZED");
    browser
        .post("/api/auth/link-social", &json!({ "provider": "github" }))
        .await
        .expect_code(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn the_factor_completes_the_sign_in() {
    let scene = Scene::new().await;
    let mut browser = scene.half_way().await;
    let stores = Stores::open(&shared().await).await;
    let body = json!({ "code": scene.app.code(), "trustDevice": true });
    let answer = browser.post("/api/auth/two-factor/verify-totp", &body).await.expect(200);
    assert_eq!(answer.json()["user"]["id"], json!(scene.user.id));
    assert!(browser.is_signed_in().await);
    let proofs: Vec<String> = sqlx::query_scalar(
        "SELECT proof FROM session.session WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1",
    )
    .bind(&scene.user.id)
    .fetch_all(&stores.db)
    .await
    .expect("sessions");
    assert_eq!(proofs, ["social_and_totp"]);

    // A browser that is trusted is asked no more, by whichever way it comes.
    browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    browser.sign_in_socially("github", &scene.github).await.expect_redirect("/dash");
    assert!(browser.is_signed_in().await);
}

#[tokio::test]
async fn an_id_token_is_one_factor_too() {
    let scene = Scene::new().await;
    let url = format!("{}/google/sign", shared().await.providers_url);
    let signed =
        reqwest::Client::new().post(url).json(&scene.google).send().await.expect("answers");
    let token = signed.text().await.expect("text");
    let mut browser = stranger().await;
    let body = json!({ "provider": "google", "idToken": { "token": token } });
    let answer = browser.begin_social(&body).await.expect(200);
    let expected = json!({ "twoFactorRedirect": true, "twoFactorMethods": ["totp", "otp"] });
    assert_eq!(answer.json(), expected);
    assert!(!browser.is_signed_in().await);
    assert!(browser.cookies.contains_key("better-auth.two_factor"));
}

/// Whatever the provider adds to its word.
#[tokio::test]
async fn nothing_a_provider_says_stands_for_the_factor() {
    let scene = Scene::new().await;
    let mut wish = scene.google.clone();
    wish["person"]["amr"] = json!(["mfa", "otp", "hwk"]);
    wish["person"]["acr"] = json!("aal3");
    wish["person"]["twoFactorEnabled"] = json!(false);
    let wish = with(wish, "back", json!({ "twoFactor": "done" }));
    let mut browser = stranger().await;
    let answer = browser.sign_in_socially("google", &wish).await.expect(302);
    assert!(
        answer.header("location").is_some_and(|target| target.contains("twoFactorRedirect=true"))
    );
    assert!(!browser.is_signed_in().await);
}
