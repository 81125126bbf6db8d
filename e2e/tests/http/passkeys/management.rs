//! Listing, renaming and removing passkeys (contract 7.6).

use e2e::{Browser, mail_about, text, text_of};
use futures_util::StreamExt;
use serde_json::{Value, json};

use super::{REMOVED_MAIL, Scene};

const LIST: &str = "/api/auth/passkey/list-user-passkeys";
const UPDATE: &str = "/api/auth/passkey/update-passkey";
const DELETE: &str = "/api/auth/passkey/delete-passkey";

#[tokio::test]
async fn passkeys_are_listed_oldest_first_and_renamed() {
    let mut scene = Scene::new().await;
    assert_eq!(scene.passkeys().await, [json!(null); 0]);
    let (first, second) = (scene.registers().await, scene.registers().await);
    let listed = scene.passkeys().await;
    let names: Vec<_> = listed.iter().map(|one| text(&one["credentialID"])).collect();
    assert_eq!(names, [first.name(), second.name()]);
    let body = json!({ "id": listed[1]["id"], "name": " Desk " });
    let renamed = scene.user.browser.post(UPDATE, &body).await.expect(200).json();
    let mut expected = listed[1].clone();
    expected["name"] = "Desk".into();
    assert_eq!(renamed, json!({ "passkey": expected }));
    assert_eq!(scene.passkeys().await, [listed[0].clone(), expected]);
}

#[tokio::test]
async fn a_removed_passkey_opens_nothing_any_more_and_ends_other_sessions() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let (mut elsewhere, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    answer.expect(200);
    let id = scene.passkeys().await[0]["id"].clone();
    let answer = scene.user.browser.post(DELETE, &json!({ "id": id })).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    assert_eq!(scene.passkeys().await, [json!(null); 0]);
    let (_, answer) = scene.signs_in(&mut passkey, &scene.how()).await;
    answer.expect_code(401, "PASSKEY_NOT_FOUND");
    assert!(!elsewhere.is_signed_in().await, "what the passkey opened goes on");
    assert!(scene.user.browser.is_signed_in().await);
    let mail = mail_about(&scene.urls.outbox, &scene.user.email, REMOVED_MAIL).await;
    assert!(text_of(&mail).contains("\"Laptop\""), "{mail}");
    let again = scene.user.browser.post(DELETE, &json!({ "id": id })).await;
    again.expect_code(404, "PASSKEY_NOT_FOUND");
}

/// Whoever wants to know is told, once the change is made.
#[tokio::test]
async fn a_changed_passkey_is_an_event() {
    let mut scene = Scene::new().await;
    let nats = e2e::nats(&scene.urls.nats_url).await;
    let mut events = nats.subscribe("event.v1.passkey.*").await.expect("a subscription");
    nats.flush().await.expect("it is there");
    scene.registers().await;
    let id = scene.passkeys().await[0]["id"].clone();
    scene.user.browser.post(DELETE, &json!({ "id": id })).await.expect(200);
    let mut told = Vec::new();
    while told.len() < 2 {
        let message = events.next().await.expect("an event");
        let event: Value = serde_json::from_slice(&message.payload).expect("JSON");
        if event["user_id"] == scene.user.id {
            assert_eq!(event["passkey_id"], id);
            let headers = message.headers.expect("headers");
            assert_eq!(headers.get("Nats-Msg-Id").expect("an id").as_str(), event["id"]);
            told.push(message.subject.to_string());
        }
    }
    told.sort_unstable();
    assert_eq!(told, ["event.v1.passkey.added", "event.v1.passkey.removed"]);
}

/// PK5
#[tokio::test]
async fn somebody_elses_passkey_is_not_there() {
    let (mut scene, _) = Scene::with_passkey().await;
    let before = scene.passkeys().await;
    let mut other = scene.stranger().sign_up().await;
    let id = &before[0]["id"];
    for (route, body) in [
        (UPDATE, json!({ "id": id, "name": "Mine" })),
        (DELETE, json!({ "id": id })),
        (UPDATE, json!({ "id": "no such", "name": "Mine" })),
        (DELETE, json!({ "id": "" })),
    ] {
        let answer = other.browser.post(route, &body).await.expect_code(404, "PASSKEY_NOT_FOUND");
        assert_eq!(answer.json()["message"], "Passkey not found");
    }
    assert_eq!(other.browser.get(LIST).await.expect(200).json(), json!([]));
    assert_eq!(scene.passkeys().await, before);
}

#[tokio::test]
async fn who_is_not_signed_in_or_acts_as_another_changes_nothing() {
    let (mut scene, _) = Scene::with_passkey().await;
    let id = scene.passkeys().await[0]["id"].clone();
    let update = json!({ "id": id, "name": "Mine" });
    let delete = json!({ "id": id });
    let mut stranger = scene.stranger();
    stranger.get(LIST).await.expect_code(401, "UNAUTHORIZED");
    stranger.post(UPDATE, &update).await.expect_code(401, "UNAUTHORIZED");
    stranger.post(DELETE, &delete).await.expect_code(401, "UNAUTHORIZED");
    let mut admin = e2e::admin(&scene.urls).await;
    admin.asks_about("impersonate-user", &scene.user.id).await.expect(200);
    let code = "NOT_ALLOWED_WHILE_IMPERSONATING";
    admin.browser.post(UPDATE, &update).await.expect_code(403, code);
    admin.browser.post(DELETE, &delete).await.expect_code(403, code);
    assert_eq!(scene.passkeys().await[0]["name"], "Laptop");
}

#[tokio::test]
async fn fields_that_do_not_fit_are_told() {
    let mut scene = Scene::new().await;
    let told = |browser: &mut Browser, route, body: Value| {
        let mut browser = browser.clone();
        async move {
            let answer = browser.post(route, &body).await.expect_code(400, "VALIDATION_ERROR");
            text(&answer.json()["message"]).to_owned()
        }
    };
    let browser = &mut scene.user.browser;
    assert_eq!(
        told(browser, UPDATE, json!({ "id": 1, "name": "  " })).await,
        "[body.id] Invalid input: expected string, received number; \
         [body.name] Too small: expected string to have >=1 characters"
    );
    assert_eq!(
        told(browser, UPDATE, json!({ "id": "x", "name": "x".repeat(101) })).await,
        "[body.name] Too big: expected string to have <=100 characters"
    );
    assert_eq!(
        told(browser, DELETE, json!({})).await,
        "[body.id] Invalid input: expected string, received undefined"
    );
}
