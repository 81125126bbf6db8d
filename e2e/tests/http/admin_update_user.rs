//! What an admin changes of a user, and when the user's sessions show it.

use e2e::{Browser, PASSWORD, Stores, User, admin, expect_user, fresh_email, shared};
use serde_json::{Value, json};

fn data(user: &User, data: impl Into<Value>) -> Value {
    json!({ "userId": user.id, "data": data.into() })
}

#[tokio::test]
async fn every_live_session_shows_the_change_at_once() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let mut elsewhere = Browser::new(&urls);
    elsewhere.sign_in(&user.email, PASSWORD).await.expect(200);
    let email = fresh_email();
    for (change, shown) in [
        (json!({ "name": "Bob" }), json!({ "name": "Bob" })),
        (json!({ "email": email.to_uppercase() }), json!({ "email": email })),
        (json!({ "emailVerified": true }), json!({ "emailVerified": true })),
        (
            json!({ "image": "https://example.com/a.png" }),
            json!({ "image": "https://example.com/a.png" }),
        ),
        (
            json!({ "image": null, "role": ["subuser"] }),
            json!({ "image": null, "role": "subuser" }),
        ),
        (
            json!({ "unknown": 1, "createdAt": "2001-01-01T00:00:00.000Z" }),
            json!({ "name": "Bob" }),
        ),
    ] {
        let answer = admin.asks_admin("update-user", data(&user, change)).await.expect(200).json();
        expect_user(&answer);
        for browser in [&mut user.browser, &mut elsewhere] {
            let session = browser.session().await;
            assert_eq!(session["user"], answer);
            for (name, value) in shown.as_object().expect("members") {
                assert_eq!(&session["user"][name], value, "{name}");
            }
        }
    }
    let answer = admin.looks_up("get-user", &format!("id={}", user.id)).await.expect(200).json();
    assert_eq!(answer["email"], email);
    assert!(!answer["createdAt"].as_str().expect("text").starts_with("2001"));
}

#[tokio::test]
async fn what_can_not_be_updated_is_refused() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let other = Browser::new(&urls).sign_up().await;
    for (change, code) in [
        (json!({}), "NO_DATA_TO_UPDATE"),
        (json!({ "password": "another horse" }), "PASSWORD_CANNOT_BE_UPDATED_VIA_UPDATE_USER"),
        (json!({ "id": "chosen" }), "USER_ID_CANNOT_BE_UPDATED"),
        (json!({ "role": 5 }), "INVALID_ROLE_TYPE"),
        (json!({ "role": [5] }), "INVALID_ROLE_TYPE"),
        (json!({ "role": "root" }), "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE"),
        (json!({ "email": "nobody" }), "INVALID_EMAIL"),
        (json!({ "email": 5 }), "INVALID_EMAIL"),
        (json!({ "email": other.email }), "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        (json!({ "email": other.email.to_uppercase() }), "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL"),
        (json!({ "name": null }), "VALIDATION_ERROR"),
        (json!({ "name": 5 }), "VALIDATION_ERROR"),
        (json!({ "name": "a\u{0}b" }), "VALIDATION_ERROR"),
        (json!({ "image": 5 }), "VALIDATION_ERROR"),
        (json!({ "emailVerified": "yes" }), "VALIDATION_ERROR"),
        (json!({ "banned": 1 }), "VALIDATION_ERROR"),
        (json!({ "banExpires": "tomorrow" }), "VALIDATION_ERROR"),
        (json!({ "twoFactorEnabled": true }), "FIELD_NOT_ALLOWED"),
    ] {
        admin.asks_admin("update-user", data(&user, change.clone())).await.expect_code(400, code);
    }
    let body = json!({ "userId": "unknown", "data": { "name": "Bob" } });
    admin.asks_admin("update-user", body).await.expect_code(404, "USER_NOT_FOUND");
    let own = json!({ "email": user.email, "name": "Ann" });
    admin.asks_admin("update-user", data(&user, own)).await.expect(200);
    assert_eq!(user.browser.session().await["user"]["role"], "user");
}

#[tokio::test]
async fn a_ban_by_update_is_a_ban() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let ban =
        json!({ "banned": true, "banReason": "spam", "banExpires": "2099-01-01T01:00:00+01:00" });
    let answer = admin.asks_admin("update-user", data(&user, ban)).await.expect(200).json();
    assert_eq!(
        (&answer["banReason"], &answer["banExpires"]),
        (&json!("spam"), &json!("2099-01-01T00:00:00.000Z"))
    );
    user.browser.get("/api/servers").await.expect(401);
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(403, "BANNED_USER");
    admin.asks_admin("update-user", data(&user, json!({ "banned": false }))).await.expect(200);
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
}

/// An admin helps who has lost their authenticator; then the sessions end, as they
/// do whenever a factor changes.
#[tokio::test]
async fn taking_a_second_factor_away_ends_the_sessions() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let off = data(&user, json!({ "twoFactorEnabled": false }));
    admin.asks_admin("update-user", off.clone()).await.expect(200);
    assert!(user.browser.is_signed_in().await, "nothing was taken away");
    let db = Stores::open(&urls).await.db;
    sqlx::query(
        "UPDATE identity.user SET two_factor_enabled = true, version = version + 1 WHERE id = $1",
    )
    .bind(&user.id)
    .execute(&db)
    .await
    .expect("a factor is there");
    let answer = admin.asks_admin("update-user", off).await.expect(200).json();
    assert_eq!(answer["twoFactorEnabled"], false);
    assert!(!user.browser.is_signed_in().await);
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
}

/// Ids of what is not there are a 404 wherever one is looked for.
#[tokio::test]
async fn ids_of_nobody_find_nobody() {
    let mut admin = admin(&shared().await).await;
    for id in ["unknown", "%27%20OR%201=1--", "", "..%2F..%2F", "%C3%A9", "0"] {
        admin.looks_up("get-user", &format!("id={id}")).await.expect_code(404, "USER_NOT_FOUND");
    }
    admin.looks_up("get-user", "id=a%00b").await.expect_code(400, "VALIDATION_ERROR");
    admin.looks_up("get-user", "id=a&id=b").await.expect_code(400, "VALIDATION_ERROR");
    for route in ["remove-user", "impersonate-user", "ban-user", "unban-user"] {
        for id in [json!("unknown"), json!(17), json!(null), json!("' OR 1=1--")] {
            let answer = admin.asks_admin(route, json!({ "userId": id })).await;
            answer.expect_code(404, "USER_NOT_FOUND");
        }
    }
}
