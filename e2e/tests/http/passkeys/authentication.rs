//! Signing in with a passkey (contract 7.4, 7.5).

use e2e::{
    Algorithm, How, Passkey, expect_session, expect_session_cookie, expect_user, keys,
    seconds_between, text,
};
use serde_json::json;

use super::{Scene, authenticate_options, verify_authentication};

#[tokio::test]
async fn options_name_nobody_but_to_who_is_signed_in() {
    let (mut scene, passkey) = Scene::with_passkey().await;
    let options = authenticate_options(&mut scene.stranger()).await;
    assert_eq!(keys(&options), ["challenge", "rpId", "timeout", "userVerification"]);
    assert_eq!(text(&options["challenge"]).len(), 43);
    assert_eq!((&options["rpId"], &options["timeout"]), (&json!("localhost"), &json!(60000)));
    assert_eq!(options["userVerification"], "preferred");

    let own = authenticate_options(&mut scene.user.browser).await;
    let allowed = json!([{ "id": passkey.name(), "transports": ["internal", "hybrid"], "type": "public-key" }]);
    assert_eq!(own["allowCredentials"], allowed);
    let mut other = scene.stranger().sign_up().await;
    assert_eq!(authenticate_options(&mut other.browser).await.get("allowCredentials"), None);
}

#[tokio::test]
async fn a_passkey_signs_in_without_a_name() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let mut scene = Scene::new().await;
        let mut passkey = Passkey::new(algorithm);
        let options = scene.register_options().await;
        let response = passkey.register(&options, &scene.how());
        scene.verify_registration(&response).await.expect(200);
        let (mut browser, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
        let body = answer.clone().expect(200).json();
        assert_eq!(keys(&body), ["session", "user"]);
        expect_session(&body["session"]);
        expect_user(&body["user"]);
        assert_eq!(body["user"]["id"], scene.user.id);
        let session = &body["session"];
        assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), 604_800);
        let cookies = answer.set_cookies();
        assert_eq!(cookies.len(), 1, "{cookies:?}");
        expect_session_cookie(&cookies[0], text(&session["token"]), Some(604_800));
        assert_eq!(browser.session().await["session"]["id"], session["id"]);
        assert_eq!(scene.passkeys().await[0]["counter"], 1);
    }
}

#[tokio::test]
async fn whoever_is_signed_in_may_prove_it_again_and_needs_no_handle() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let options = authenticate_options(&mut scene.user.browser).await;
    let how = How { with_user_handle: false, ..scene.how() };
    let response = passkey.assert(&options, &how);
    verify_authentication(&mut scene.user.browser, &response).await.expect(200);
}

/// PK1, PK3 and PK8: what the browser and the authenticator say must be of this ceremony.
#[tokio::test]
async fn what_is_not_said_for_us_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let mut scene = Scene::new().await;
        let mut passkey = Passkey::new(algorithm);
        let options = scene.register_options().await;
        let response = passkey.register(&options, &scene.how());
        scene.verify_registration(&response).await.expect(200);
        let honest = scene.how();
        let wrong = [
            How { origin: "https://evil.example.com".into(), ..honest.clone() },
            How { origin: "http://badlocalhost".into(), ..honest.clone() },
            How { origin: "http://panel.localhost".into(), ..honest.clone() },
            How { origin: format!("{}/", honest.origin), ..honest.clone() },
            How { origin: honest.origin.to_uppercase(), ..honest.clone() },
            How { origin: honest.origin.replace("http:", "https:"), ..honest.clone() },
            How { origin: "http://localhost:1".into(), ..honest.clone() },
            How { rp_id: "example.com".into(), ..honest.clone() },
            How { user_present: false, ..honest.clone() },
            How { user_present: false, user_verified: false, ..honest.clone() },
            How { challenge: Some("A".repeat(43)), ..honest.clone() },
            How { client_type: Some("webauthn.create"), ..honest.clone() },
            How { backed_up: true, ..honest.clone() },
            How { with_user_handle: false, ..honest.clone() },
        ];
        for how in wrong {
            let (mut browser, answer) = scene.signs_in(&mut passkey, &how).await;
            let answer = answer.expect_code(400, "AUTHENTICATION_FAILED");
            assert_eq!(answer.set_cookies(), [""; 0], "{answer:?}");
            assert!(!browser.is_signed_in().await);
        }
        let handle = std::mem::replace(&mut passkey.user_handle, b"somebody else".to_vec());
        let (_, answer) = scene.signs_in(&mut passkey, &honest).await;
        answer.expect_code(400, "AUTHENTICATION_FAILED");
        passkey.user_handle = handle;
        let (_, answer) = scene.signs_in(&mut passkey, &honest).await;
        answer.expect(200);
    }
}

/// PK8: two users' credentials, one under the other's name.
#[tokio::test]
async fn a_credential_speaks_for_its_owner_only() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let (mut other, mut foreign) = Scene::with_passkey().await;
    passkey.user_handle.clone_from(&foreign.user_handle);
    let (_, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    answer.expect_code(400, "AUTHENTICATION_FAILED");

    // The key of one under the name of the other.
    let mut browser = scene.stranger();
    let options = authenticate_options(&mut browser).await;
    let mut response = passkey.assert(&options, &scene.how());
    for name in ["id", "rawId"] {
        response[name] = foreign.name().into();
    }
    response["response"]["userHandle"] =
        foreign.assert(&options, &scene.how())["response"]["userHandle"].clone();
    let answer = verify_authentication(&mut browser, &response).await;
    answer.expect_code(401, "AUTHENTICATION_FAILED");

    // One user's options, answered with the other's passkey.
    let options = authenticate_options(&mut other.user.browser).await;
    let (_, mut third) = Scene::with_passkey().await;
    let response = third.assert(&options, &scene.how());
    let answer = verify_authentication(&mut other.user.browser, &response).await;
    answer.expect_code(400, "AUTHENTICATION_FAILED");
}

#[tokio::test]
async fn a_wrong_signature_is_a_401() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let mut scene = Scene::new().await;
        let mut passkey = Passkey::new(algorithm);
        let options = scene.register_options().await;
        let response = passkey.register(&options, &scene.how());
        scene.verify_registration(&response).await.expect(200);
        let mut impostor = Passkey::new(algorithm);
        impostor.credential_id.clone_from(&passkey.credential_id);
        impostor.user_handle.clone_from(&passkey.user_handle);
        impostor.counter = 100;
        if algorithm == Algorithm::Rs256 {
            // There is one RSA key only; so it signs something else.
            let mut browser = scene.stranger();
            let options = authenticate_options(&mut browser).await;
            let mut response = passkey.assert(&options, &scene.how());
            let other = passkey.assert(&options, &scene.how());
            response["response"]["signature"] = other["response"]["signature"].clone();
            let answer = verify_authentication(&mut browser, &response).await;
            answer.expect_code(401, "AUTHENTICATION_FAILED");
            continue;
        }
        let (mut browser, answer) = scene.signs_in(&mut impostor, &scene.how()).await;
        let answer = answer.expect_code(401, "AUTHENTICATION_FAILED");
        assert_eq!(answer.json()["message"], "Authentication failed");
        assert!(!browser.is_signed_in().await);
        assert_eq!(scene.passkeys().await[0]["counter"], 0, "a stranger has moved the counter");
    }
}

#[tokio::test]
async fn an_unknown_credential_is_a_401_of_its_own() {
    let scene = Scene::new().await;
    let mut passkey = Passkey::new(Algorithm::Es256);
    let (_, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    let answer = answer.expect_code(401, "PASSKEY_NOT_FOUND");
    assert_eq!(answer.json()["message"], "Passkey not found");
    for response in [json!({}), json!({ "id": 1 }), json!({ "id": "" }), json!({ "id": "?" })] {
        let mut browser = scene.stranger();
        authenticate_options(&mut browser).await;
        let answer = verify_authentication(&mut browser, &response).await;
        answer.expect_code(401, "PASSKEY_NOT_FOUND");
    }
    let answer = verify_authentication(&mut scene.stranger(), &json!("x")).await;
    let answer = answer.expect_code(400, "VALIDATION_ERROR");
    assert_eq!(
        answer.json()["message"],
        "[body.response] Invalid input: expected record, received string"
    );
}

/// PK8
#[tokio::test]
async fn who_is_banned_or_gone_does_not_come_in() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let mut admin = e2e::admin(&scene.urls).await;
    admin.asks_about("ban-user", &scene.user.id).await.expect(200);
    let (mut browser, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    let answer = answer.expect_code(403, "BANNED_USER");
    assert_eq!(answer.set_cookies(), [""; 0]);
    assert!(!browser.is_signed_in().await);
    admin.asks_about("unban-user", &scene.user.id).await.expect(200);
    // The refused assertion has not been counted: the next one may say the same.
    passkey.counter -= 1;
    let (mut browser, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    answer.expect(200);

    admin.asks_about("remove-user", &scene.user.id).await.expect(200);
    assert!(!browser.is_signed_in().await);
    let (mut browser, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    answer.expect_code(401, "PASSKEY_NOT_FOUND");
    assert!(!browser.is_signed_in().await);
    let gone = e2e::eventually(|| async { (scene.stored(&passkey).await == 0).then_some(()) });
    gone.await.expect("the passkey goes with its user");
    assert!(!scene.user.browser.is_signed_in().await);
}

#[tokio::test]
async fn a_ban_that_is_over_is_lifted() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let banned = sqlx::query(
        "UPDATE identity.user SET banned = true, ban_expires = now() - interval '1 second', version = version + 1 WHERE id = $1",
    );
    banned.bind(&scene.user.id).execute(&scene.stores.db).await.expect("banned");
    let (_, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    let user = answer.expect(200).json()["user"].clone();
    assert_eq!((&user["banned"], &user["banExpires"]), (&json!(false), &json!(null)));
}

#[tokio::test]
async fn a_browser_that_is_not_to_remember_gets_a_cookie_for_as_long_as_it_is_open() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let mut browser = scene.stranger();
    let body = json!({ "email": scene.user.email, "password": e2e::PASSWORD, "rememberMe": false });
    browser.post("/api/auth/sign-in/email", &body).await.expect(200);
    let options = authenticate_options(&mut browser).await;
    let response = passkey.assert(&options, &scene.how());
    let answer = verify_authentication(&mut browser, &response).await.expect(200);
    let session = &answer.json()["session"];
    expect_session_cookie(&answer.set_cookies()[0], text(&session["token"]), None);
    assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), 604_800);
}

/// A foreign page cannot sign a browser in, whatever it has got hold of.
#[tokio::test]
async fn a_foreign_page_cannot_finish_a_ceremony() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let mut browser = scene.stranger();
    let options = authenticate_options(&mut browser).await;
    let response = passkey.assert(&options, &scene.how());
    let mut foreign = browser.clone().on_page_of(Some("https://evil.example.com"));
    verify_authentication(&mut foreign, &response).await.expect_code(403, "INVALID_ORIGIN");
    verify_authentication(&mut browser, &response).await.expect(200);
}
