//! Users whom an admin creates.

use e2e::{Browser, PASSWORD, admin, expect_user, fresh_email, mails_to, shared};
use serde_json::{Value, json};

#[tokio::test]
async fn a_created_user_can_sign_in_and_was_told_nothing() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    let email = fresh_email();
    let body = json!({ "email": email.to_uppercase(), "name": "Bob", "password": PASSWORD });
    let answer = admin.asks_admin("create-user", body).await.expect(200);
    assert_eq!(answer.set_cookies(), [""; 0], "no session comes with it");
    let user = answer.json()["user"].clone();
    expect_user(&user);
    assert_eq!(
        (&user["email"], &user["name"], &user["role"]),
        (&json!(email), &json!("Bob"), &json!("user"))
    );
    assert_eq!((&user["emailVerified"], &user["banned"]), (&json!(false), &json!(false)));
    Browser::new(&urls).sign_in(&email, PASSWORD).await.expect(200);
    assert!(mails_to(&urls.outbox, &email).is_empty());
}

#[tokio::test]
async fn data_sets_what_it_may_and_nothing_else() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    let data = json!({
        "image": "https://example.com/a.png", "emailVerified": true,
        "banned": true, "banReason": "later", "banExpires": "2099-01-01T00:00:00.000Z",
        "id": "chosen", "createdAt": "2001-01-01T00:00:00.000Z", "twoFactorEnabled": true,
        "name": "Eve", "email": "eve@example.com", "version": 99, "role": "subuser",
    });
    let body = json!({ "email": fresh_email(), "name": "Bob", "data": data });
    let user = admin.asks_admin("create-user", body).await.expect(200).json()["user"].clone();
    for name in ["image", "emailVerified", "banned", "banReason", "banExpires", "role"] {
        assert_eq!(user[name], data[name], "{name}");
    }
    for name in ["id", "createdAt", "twoFactorEnabled", "name", "email"] {
        assert_ne!(user[name], data[name], "{name}");
    }
}

#[tokio::test]
async fn the_role_at_the_top_wins_and_has_to_exist() {
    let mut admin = admin(&shared().await).await;
    let body = |changes: Value| {
        let mut body = json!({ "email": fresh_email(), "name": "Bob" });
        body.as_object_mut()
            .expect("an object")
            .extend(changes.as_object().expect("fields").clone());
        body
    };
    let created = body(json!({ "role": ["user", "subuser"], "data": { "role": "admin" } }));
    let answer = admin.asks_admin("create-user", created).await.expect(200).json();
    assert_eq!(answer["user"]["role"], "user,subuser");
    for (changes, code) in [
        (json!({ "role": "root" }), "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE"),
        (json!({ "role": 5 }), "VALIDATION_ERROR"),
        (json!({ "data": { "role": 5 } }), "INVALID_ROLE_TYPE"),
        (json!({ "data": { "role": ["user", 5] } }), "INVALID_ROLE_TYPE"),
        (json!({ "data": { "banned": "yes" } }), "VALIDATION_ERROR"),
        (json!({ "data": { "banExpires": "tomorrow" } }), "VALIDATION_ERROR"),
        (json!({ "data": [] }), "VALIDATION_ERROR"),
        (json!({ "email": "nobody" }), "INVALID_EMAIL"),
        (json!({ "password": "short" }), "PASSWORD_TOO_SHORT"),
        (json!({ "password": "x".repeat(73) }), "PASSWORD_TOO_LONG"),
        (json!({ "name": "a\u{0}b" }), "VALIDATION_ERROR"),
    ] {
        admin.asks_admin("create-user", body(changes)).await.expect_code(400, code);
    }
}

#[tokio::test]
async fn of_many_who_take_one_address_one_gets_it() {
    let urls = shared().await;
    let admin = admin(&urls).await;
    let body = json!({ "email": fresh_email(), "name": "Bob" });
    let asking = (0..6).map(|_| {
        let (mut browser, body) = (admin.browser.clone(), body.clone());
        async move { browser.post("/api/auth/admin/create-user", &body).await }
    });
    let answers = futures_util::future::join_all(asking).await;
    let (made, refused): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.expect_code(400, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    }
}
