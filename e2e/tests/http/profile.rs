//! `POST /api/auth/update-user` and `/update-session`

use e2e::{Browser, PASSWORD, User, expect_session_cookie, shared};
use serde_json::{Value, json};

const PATH: &str = "/api/auth/update-user";

async fn new_user() -> User {
    Browser::new(&shared().await).sign_up().await
}

#[tokio::test]
async fn a_change_shows_in_every_session_before_it_is_answered() {
    let mut user = new_user().await;
    let mut other = Browser::new(&shared().await);
    other.sign_in(&user.email, PASSWORD).await.expect(200);
    for number in 0..20 {
        let change = json!({ "name": format!("Ann {number}"), "image": format!("https://a.example/{number}") });
        let answer = user.browser.post(PATH, &change).await.expect(200);
        assert_eq!(answer.json(), json!({ "status": true }));
        expect_session_cookie(&answer.set_cookies()[0], &user.token, Some(604_800));
        for browser in [&mut user.browser, &mut other] {
            let shown = browser.session().await["user"].clone();
            assert_eq!(shown["name"], change["name"]);
            assert_eq!(shown["image"], change["image"]);
        }
    }
}

#[tokio::test]
async fn an_image_can_be_removed_and_a_name_left_alone() {
    let mut user = new_user().await;
    user.browser.post(PATH, &json!({ "image": "https://a.example/x" })).await.expect(200);
    user.browser.post(PATH, &json!({ "image": null })).await.expect(200);
    let shown = user.browser.session().await["user"].clone();
    assert_eq!((&shown["name"], &shown["image"]), (&json!("Ann"), &Value::Null));
}

#[tokio::test]
async fn what_is_not_theirs_to_set_is_refused_or_ignored() {
    let mut user = new_user().await;
    let before = user.browser.session().await["user"].clone();
    for (field, value) in [
        ("role", json!("admin")),
        ("banned", json!(true)),
        ("banReason", json!("x")),
        ("banExpires", json!("2030-01-01T00:00:00.000Z")),
        ("twoFactorEnabled", json!(true)),
    ] {
        let answer = user.browser.post(PATH, &json!({ "name": "Eve", field: value })).await;
        let answer = answer.expect_code(400, "FIELD_NOT_ALLOWED");
        assert_eq!(answer.json()["message"], format!("{field} is not allowed to be set"));
    }
    let answer = user.browser.post(PATH, &json!({ "email": "eve@example.com" })).await;
    answer.expect_code(400, "EMAIL_CAN_NOT_BE_UPDATED");
    let ignored = json!({ "id": "x", "emailVerified": true, "createdAt": "2020-01-01T00:00:00.000Z", "banned": false, "__proto__": { "role": "admin" } });
    let answer = user.browser.post(PATH, &ignored).await.expect(400);
    assert_eq!(answer.json(), json!({ "message": "No fields to update" }));
    let mut named = ignored;
    named["name"] = before["name"].clone();
    user.browser.post(PATH, &named).await.expect(200);
    let mut after = user.browser.session().await["user"].clone();
    after["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(after, before);
}

#[tokio::test]
async fn types_count() {
    let mut user = new_user().await;
    for body in [
        json!({ "name": 1 }),
        json!({ "name": null }),
        json!({ "name": "a\0b" }),
        json!({ "image": [] }),
        json!([]),
    ] {
        user.browser.post(PATH, &body).await.expect_code(400, "VALIDATION_ERROR");
    }
    Browser::new(&shared().await)
        .post(PATH, &json!({ "name": "x" }))
        .await
        .expect_code(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_name_is_text_wherever_it_goes() {
    let mut user = new_user().await;
    for name in [
        "<script>alert(1)</script>",
        "Robert'); DROP TABLE identity.user;--",
        "a\r\nSet-Cookie: x=y",
        "\u{202e}nnA",
        "{{ 7 * 7 }}",
        "😀",
        "",
    ] {
        user.browser.post(PATH, &json!({ "name": name })).await.expect(200);
        assert_eq!(user.browser.session().await["user"]["name"], name);
        user.browser.get("/api/servers").await.expect(200);
    }
}

#[tokio::test]
async fn a_session_has_nothing_to_update() {
    let mut user = new_user().await;
    let before = user.browser.session().await;
    let path = "/api/auth/update-session";
    for body in [
        json!({}),
        json!({ "token": "x", "expiresAt": "2099-01-01T00:00:00.000Z", "userId": "x", "impersonatedBy": null }),
    ] {
        let answer = user.browser.post(path, &body).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": "No fields to update" }));
    }
    let answer = user.browser.post(path, &json!({ "impersonatedBy": "x" })).await;
    let answer = answer.expect_code(400, "FIELD_NOT_ALLOWED");
    assert_eq!(answer.json()["message"], "impersonatedBy is not allowed to be set");
    assert_eq!(user.browser.session().await, before);
    user.browser.post(path, &json!([])).await.expect_code(400, "VALIDATION_ERROR");
    Browser::new(&shared().await).post(path, &json!({})).await.expect_code(401, "UNAUTHORIZED");
}
