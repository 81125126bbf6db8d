//! Registering a passkey (contract 7.2, 7.3).

use std::time::Duration;

use base64::{Engine, prelude::BASE64_STANDARD};
use e2e::{
    Algorithm, Browser, How, Passkey, expect_id, expect_session, expect_session_cookie,
    expect_user, instant, keys, mail_about, seconds_between, text, text_of,
};
use serde_json::{Value, json};

use super::{ADDED_MAIL, Scene, register_options, verify_registration};

const OPTIONS: &str = "/api/auth/passkey/generate-register-options";
const VERIFY: &str = "/api/auth/passkey/verify-registration";

#[tokio::test]
async fn options_are_those_of_the_contract() {
    let mut scene = Scene::new().await;
    let query = format!("{OPTIONS}?authenticatorAttachment=platform&name=My%20key&context=x");
    let answer = scene.user.browser.get(&query).await.expect(200);
    let options = answer.json();
    let handle = text(&options["user"]["id"]).to_owned();
    assert_eq!(handle.len(), 43, "{options}");
    assert_eq!(text(&options["challenge"]).len(), 43, "{options}");
    let expected = json!({
        "challenge": options["challenge"],
        "rp": { "name": "StellarStack", "id": "localhost" },
        "user": { "id": handle, "name": "My key", "displayName": scene.user.email },
        "pubKeyCredParams": [
            { "alg": -8, "type": "public-key" },
            { "alg": -7, "type": "public-key" },
            { "alg": -257, "type": "public-key" },
        ],
        "timeout": 60000,
        "attestation": "none",
        "excludeCredentials": [],
        "authenticatorSelection": {
            "residentKey": "preferred",
            "userVerification": "preferred",
            "requireResidentKey": false,
            "authenticatorAttachment": "platform",
        },
        "extensions": { "credProps": true },
        "hints": [],
    });
    assert_eq!(options, expected);
    let cookie = &answer.set_cookies()[0];
    let (pair, attributes) = cookie.split_once(';').expect("attributes");
    let value = pair.strip_prefix("better-auth.better-auth-passkey=").expect("the name");
    assert_eq!(value.split_once('.').expect("a signature").0.len(), 32);
    assert_eq!(attributes, " Max-Age=300; Path=/; HttpOnly; SameSite=Lax");

    // The handle stays, the challenge does not; the passkey is to be made once.
    let passkey = scene.registers().await;
    let again = scene.register_options().await;
    assert_eq!(again["user"]["id"], handle);
    assert_eq!(again["user"]["name"], scene.user.email);
    assert_ne!(again["challenge"], options["challenge"]);
    assert_eq!(again["authenticatorSelection"].get("authenticatorAttachment"), None);
    let excluded = json!([{ "id": passkey.name(), "transports": ["internal", "hybrid"], "type": "public-key" }]);
    assert_eq!(again["excludeCredentials"], excluded);
}

#[tokio::test]
async fn a_registration_gives_the_passkey_of_the_contract() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let mut scene = Scene::new().await;
        let mut passkey = Passkey::new(algorithm);
        passkey.counter = 7;
        let options = scene.register_options().await;
        let how = How { backup_eligible: true, backed_up: true, ..scene.how() };
        let body = json!({ "response": passkey.register(&options, &how), "name": "  Laptop " });
        let answer = scene.user.browser.post(VERIFY, &body).await.expect(200);
        assert_eq!(answer.set_cookies(), [""; 0], "{answer:?}");
        let made = answer.json();
        let expected = json!({
            "id": made["id"],
            "name": "Laptop",
            "publicKey": BASE64_STANDARD.encode(passkey.public_key()),
            "userId": scene.user.id,
            "credentialID": passkey.name(),
            "counter": 7,
            "deviceType": "multiDevice",
            "backedUp": true,
            "transports": "internal,hybrid",
            "createdAt": made["createdAt"],
            "aaguid": "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa",
        });
        assert_eq!(made, expected);
        expect_id(&made["id"]);
        assert!(instant(&made["createdAt"]) > instant(&json!("2020-01-01T00:00:00.000Z")));
        assert_eq!(scene.passkeys().await, [made]);
        let (mut browser, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
        // A key for several devices does not become one for a single device.
        answer.expect_code(400, "AUTHENTICATION_FAILED");
        let (_, answer) = scene.signs_in(&mut passkey, &how).await;
        assert_eq!(answer.expect(200).json()["user"]["id"], scene.user.id);
        assert!(!browser.is_signed_in().await);
    }
}

#[tokio::test]
async fn without_a_name_it_has_none() {
    let mut scene = Scene::new().await;
    for name in [json!("  "), Value::Null] {
        let mut passkey = Passkey::new(Algorithm::Es256);
        let options = scene.register_options().await;
        let mut body = json!({ "response": passkey.register(&options, &scene.how()) });
        if !name.is_null() {
            body["name"] = name;
        }
        let made = scene.user.browser.post(VERIFY, &body).await.expect(200).json();
        assert_eq!(made["name"], Value::Null, "{made}");
        assert_eq!(made["deviceType"], "singleDevice");
    }
}

#[tokio::test]
async fn with_create_session_a_new_session_begins_and_the_old_one_stays() {
    let mut scene = Scene::new().await;
    let mut old = scene.user.browser.clone();
    let mut passkey = Passkey::new(Algorithm::Es256);
    let options = scene.register_options().await;
    let body = json!({
        "response": passkey.register(&options, &scene.how()),
        "createSession": true,
    });
    let answer = scene.user.browser.post(VERIFY, &body).await.expect(200);
    let made = answer.json();
    expect_session(&made["session"]);
    expect_user(&made["user"]);
    assert_eq!(keys(&made).len(), 13, "{made}");
    let session = &made["session"];
    assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), 604_800);
    assert_ne!(session["token"], scene.user.token);
    expect_session_cookie(&answer.set_cookies()[0], text(&session["token"]), Some(604_800));
    assert!(old.is_signed_in().await && scene.user.browser.is_signed_in().await);
}

#[tokio::test]
async fn a_registration_needs_a_fresh_session_of_ones_own() {
    let mut scene = Scene::new().await;
    scene.stranger().get(OPTIONS).await.expect_code(401, "UNAUTHORIZED");
    let body = json!({ "response": {} });
    scene.stranger().post(VERIFY, &body).await.expect_code(401, "UNAUTHORIZED");

    let options = scene.register_options().await;
    let mut passkey = Passkey::new(Algorithm::Es256);
    let response = passkey.register(&options, &scene.how());
    let day = Duration::from_hours(24);
    scene.stores.age_session(&scene.user.token, day).await;
    scene.user.browser.get(OPTIONS).await.expect_code(403, "SESSION_NOT_FRESH");
    scene.verify_registration(&response).await.expect_code(403, "SESSION_NOT_FRESH");
    assert_eq!(scene.stored(&passkey).await, 0);

    let mut admin = e2e::admin(&scene.urls).await;
    admin.asks_about("impersonate-user", &scene.user.id).await.expect(200);
    let code = "NOT_ALLOWED_WHILE_IMPERSONATING";
    admin.browser.get(OPTIONS).await.expect_code(403, code);
    admin.browser.post(VERIFY, &body).await.expect_code(403, code);
}

#[tokio::test]
async fn fields_that_do_not_fit_are_told_before_anything_else() {
    let scene = Scene::new().await;
    for (body, message) in [
        (
            json!({ "name": 1, "createSession": "yes" }),
            "[body.name] Invalid input: expected string, received number; \
             [body.createSession] Invalid input: expected boolean, received string",
        ),
        (
            json!({ "name": "x".repeat(101) }),
            "[body.name] Too big: expected string to have <=100 characters",
        ),
    ] {
        let answer =
            scene.stranger().post(VERIFY, &body).await.expect_code(400, "VALIDATION_ERROR");
        assert_eq!(answer.json()["message"], message);
    }
    let path = format!("{OPTIONS}?authenticatorAttachment=pocket");
    let answer = scene.stranger().get(&path).await.expect_code(400, "VALIDATION_ERROR");
    assert_eq!(
        answer.json()["message"],
        "[query.authenticatorAttachment] Invalid option: expected one of \"platform\"|\"cross-platform\""
    );
}

/// PK1 and PK3, at a registration.
#[tokio::test]
async fn what_is_not_said_by_our_page_is_refused() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa] {
        let mut scene = Scene::new().await;
        let honest = scene.how();
        let wrong = [
            How { origin: "https://evil.example.com".into(), ..honest.clone() },
            How { origin: "http://notlocalhost".into(), ..honest.clone() },
            How { origin: format!("{}/", honest.origin), ..honest.clone() },
            How { origin: honest.origin.replace("http:", "https:"), ..honest.clone() },
            How { origin: "null".into(), ..honest.clone() },
            How { rp_id: "example.com".into(), ..honest.clone() },
            How { user_present: false, ..honest.clone() },
            How { challenge: Some("A".repeat(43)), ..honest.clone() },
            How { client_type: Some("webauthn.get"), ..honest.clone() },
            How { cross_origin: Some(true), ..honest.clone() },
            How { backed_up: true, ..honest.clone() },
        ];
        for how in wrong {
            let mut passkey = Passkey::new(algorithm);
            let options = scene.register_options().await;
            let response = passkey.register(&options, &how);
            let answer = scene.verify_registration(&response).await;
            answer.expect_code(400, "FAILED_TO_VERIFY_REGISTRATION");
            assert_eq!(scene.stored(&passkey).await, 0);
        }
        // By touch alone is fine.
        let mut passkey = Passkey::new(algorithm);
        let options = scene.register_options().await;
        let response = passkey.register(&options, &honest.without_verification());
        scene.verify_registration(&response).await.expect(200);
    }
}

/// The API's own pages and the panel's are ours.
#[tokio::test]
async fn a_page_of_any_trusted_origin_is_ours() {
    let mut scene = Scene::new().await;
    for origin in [scene.urls.frontend_url.clone(), scene.urls.gateway_url.clone()] {
        let mut passkey = Passkey::new(Algorithm::Es256);
        let options = scene.register_options().await;
        let response = passkey.register(&options, &How::on(&origin));
        scene.verify_registration(&response).await.expect(200);
    }
}

/// PK6
#[tokio::test]
async fn a_credential_is_of_one_user_only_and_once() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let mut other = scene.stranger().sign_up().await;
    let options = register_options(&mut other.browser).await;
    let response = passkey.register(&options, &scene.how());
    let answer = verify_registration(&mut other.browser, &response).await;
    answer.expect_code(400, "FAILED_TO_VERIFY_REGISTRATION");
    let options = scene.register_options().await;
    let response = passkey.register(&options, &scene.how());
    let answer = scene.verify_registration(&response).await;
    answer.expect_code(400, "FAILED_TO_VERIFY_REGISTRATION");
    assert_eq!(scene.stored(&passkey).await, 1);
    assert_eq!(scene.passkeys().await[0]["credentialID"], passkey.name());
}

/// A new passkey is a changed factor.
#[tokio::test]
async fn another_passkey_ends_other_sessions_and_is_told_by_mail() {
    let mut scene = Scene::new().await;
    let mut other = scene.stranger();
    other.sign_in(&scene.user.email, e2e::PASSWORD).await.expect(200);
    scene.registers().await;
    assert!(!other.is_signed_in().await, "another session goes on");
    assert!(scene.user.browser.is_signed_in().await, "the session of the change has ended");
    let mail = mail_about(&scene.urls.outbox, &scene.user.email, ADDED_MAIL).await;
    assert!(text_of(&mail).contains("\"Laptop\""), "{mail}");
}

#[tokio::test]
async fn one_has_fifty_at_most_also_when_many_are_added_at_once() {
    let mut scene = Scene::new().await;
    let added = sqlx::query(
        "INSERT INTO mfa.passkey (id, user_id, credential_id, public_key, counter, multi_device, backed_up) \
         SELECT $1 || n, $1, convert_to($1 || n, 'UTF8'), 'x', 0, false, false FROM generate_series(1, 47) n",
    );
    added.bind(&scene.user.id).execute(&scene.stores.db).await.expect("rows");
    let mut ceremonies: Vec<(Browser, Value)> = Vec::new();
    for _ in 0..8 {
        let mut browser = scene.user.browser.clone();
        let options = register_options(&mut browser).await;
        let response = Passkey::new(Algorithm::Es256).register(&options, &scene.how());
        ceremonies.push((browser, response));
    }
    let adding = ceremonies
        .iter_mut()
        .map(async |(browser, response)| verify_registration(browser, response).await);
    let answers = futures_util::future::join_all(adding).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 3, "{answers:?}");
    for refused in answers.into_iter().filter(|answer| answer.status != 200) {
        refused.expect_code(400, "TOO_MANY_PASSKEYS");
    }
    assert_eq!(scene.passkeys().await.len(), 50);
    scene.user.browser.get(OPTIONS).await.expect_code(400, "TOO_MANY_PASSKEYS");
}
