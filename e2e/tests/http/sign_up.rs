//! `POST /api/auth/sign-up/email`, where addresses need not be verified.

use e2e::{
    Answer, Browser, PASSWORD, Stores, expect_session_cookie, expect_user, fresh_email, keys,
    shared, text,
};
use futures_util::future::join_all;
use serde_json::{Value, json};

const PATH: &str = "/api/auth/sign-up/email";
const FORM: &str = "application/x-www-form-urlencoded";

async fn browser() -> Browser {
    Browser::new(&shared().await)
}

/// Signs somebody new up, with some fields of the body changed.
async fn sign_up_with(changes: Value) -> Answer {
    let mut body = json!({ "name": "Ann", "email": fresh_email(), "password": PASSWORD });
    let changes = changes.as_object().expect("fields").clone();
    body.as_object_mut().expect("an object").extend(changes);
    browser().await.post(PATH, &body).await
}

#[tokio::test]
async fn a_new_user_is_signed_in_and_shown_themselves() {
    let mut browser = browser().await;
    let email = fresh_email();
    let image = "https://example.com/ann.png";
    let body = json!({ "name": "Ann", "email": email, "password": PASSWORD, "image": image });
    let answer = browser.post(PATH, &body).await.expect(200);

    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("location"), None);
    let body = answer.json();
    assert_eq!(keys(&body), ["token", "user"]);
    let (token, user) = (text(&body["token"]), &body["user"]);
    assert_eq!(answer.set_cookies().len(), 1);
    expect_session_cookie(&answer.set_cookies()[0], token, Some(604_800));
    expect_user(user);
    let expected = json!({
        "id": user["id"], "name": "Ann", "email": email, "emailVerified": false, "image": image,
        "createdAt": user["createdAt"], "updatedAt": user["createdAt"], "role": "user",
        "banned": false, "banReason": null, "banExpires": null, "twoFactorEnabled": false,
    });
    assert_eq!(*user, expected);
    assert_eq!(browser.session().await["user"], expected);
}

#[tokio::test]
async fn an_address_is_kept_in_lower_case() {
    let email = fresh_email();
    let answer = sign_up_with(json!({ "email": email.to_uppercase() })).await.expect(200);
    assert_eq!(answer.json()["user"]["email"], email);
    browser().await.sign_in(&email, PASSWORD).await.expect(200);
    browser().await.sign_in(&email.to_uppercase(), PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_taken_address_is_refused_however_it_is_spelled() {
    let email = fresh_email();
    sign_up_with(json!({ "email": email })).await.expect(200);
    for spelling in [email.clone(), email.to_uppercase(), email.replace("user", "User")] {
        let answer = sign_up_with(json!({ "email": spelling })).await.expect(422);
        assert_eq!(
            answer.json(),
            json!({
                "message": "User already exists. Use another email.",
                "code": "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL",
            })
        );
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
}

#[tokio::test]
async fn all_faults_of_a_body_are_told_at_once() {
    let mut browser = browser().await;
    for (body, message) in [
        (
            json!({}),
            "[body.name] Invalid input: expected string, received undefined; \
             [body.email] Invalid input: expected string, received undefined; \
             [body.password] Invalid input: expected string, received undefined",
        ),
        (
            json!({ "name": 1, "email": "nobody", "password": "", "image": null, "rememberMe": "yes" }),
            "[body.name] Invalid input: expected string, received number; \
             [body.email] Invalid email address; \
             [body.password] Too small: expected string to have >=1 characters; \
             [body.image] Invalid input: expected string, received null; \
             [body.rememberMe] Invalid input: expected boolean, received string",
        ),
    ] {
        let answer = browser.post(PATH, &body).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": message, "code": "VALIDATION_ERROR" }));
    }
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    for email in
        ["", "ann", "ann@", "@example.com", " ann@example.com", "ann@example", "añn@example.com"]
    {
        let answer = sign_up_with(json!({ "email": email })).await.expect(400);
        let expected =
            json!({ "message": "[body.email] Invalid email address", "code": "VALIDATION_ERROR" });
        assert_eq!(answer.json(), expected, "{email:?}");
    }
}

#[tokio::test]
async fn a_password_has_8_characters_at_least() {
    for short in ["1", "1234567", "😀😀😀"] {
        let answer = sign_up_with(json!({ "password": short })).await.expect(400);
        let expected = json!({ "message": "Password too short", "code": "PASSWORD_TOO_SHORT" });
        assert_eq!(answer.json(), expected, "{short}");
    }
    // Four characters to a person, eight to JavaScript.
    sign_up_with(json!({ "password": "😀😀😀😀" })).await.expect(200);
}

#[tokio::test]
async fn a_password_has_72_bytes_at_most() {
    for long in ["a".repeat(73), "é".repeat(37), "😀".repeat(19), "a".repeat(200)] {
        let answer = sign_up_with(json!({ "password": long })).await.expect(400);
        let expected = json!({ "message": "Password too long", "code": "PASSWORD_TOO_LONG" });
        assert_eq!(answer.json(), expected, "{long}");
    }
    for fitting in ["a".repeat(72), "é".repeat(36), "😀".repeat(18)] {
        let answer = sign_up_with(json!({ "password": fitting })).await.expect(200);
        let email = answer.json()["user"]["email"].clone();
        browser().await.sign_in(text(&email), &fitting).await.expect(200);
    }
}

#[tokio::test]
async fn nul_is_refused_wherever_it_stands() {
    for (field, value) in [
        ("name", "A\0nn"),
        ("email", "a\0nn@example.com"),
        ("password", "correct\0horse"),
        ("image", "a\0.png"),
    ] {
        let answer = sign_up_with(json!({ field: value })).await;
        let answer = answer.expect_code(400, "VALIDATION_ERROR");
        let message = answer.json()["message"].clone();
        assert!(text(&message).starts_with(&format!("[body.{field}] ")), "{message}");
    }
}

#[tokio::test]
async fn half_a_surrogate_pair_is_no_text() {
    let body = r#"{"name":"\ud800","email":"ann@example.com","password":"correct horse"}"#;
    let answer = browser().await.post_text(PATH, "application/json", body).await;
    answer.expect_code(400, "BAD_REQUEST");
}

#[tokio::test]
async fn nobody_chooses_their_own_role() {
    for (field, value) in [
        ("role", json!("admin")),
        ("role", json!("user")),
        ("role", json!(["admin"])),
        ("role", json!({})),
        ("banReason", json!("none")),
        ("banExpires", json!("2030-01-01T00:00:00.000Z")),
    ] {
        let answer = sign_up_with(json!({ field: value })).await.expect(400);
        let message = format!("{field} is not allowed to be set");
        assert_eq!(answer.json(), json!({ "message": message, "code": "FIELD_NOT_ALLOWED" }));
    }
    let answer = sign_up_with(json!({ "role": null, "banReason": "", "banExpires": 0 })).await;
    assert_eq!(answer.expect(200).json()["user"]["role"], "user");
}

#[tokio::test]
async fn a_short_password_is_told_before_a_forbidden_field() {
    let answer = sign_up_with(json!({ "password": "short", "role": "admin" })).await;
    answer.expect_code(400, "PASSWORD_TOO_SHORT");
}

#[tokio::test]
async fn fields_that_are_not_the_callers_are_ignored() {
    let old = "2001-01-01T00:00:00.000Z";
    let answer = sign_up_with(json!({
        "id": "chosen", "emailVerified": true, "banned": true, "twoFactorEnabled": true,
        "createdAt": old, "updatedAt": old, "version": 99, "__proto__": { "role": "admin" },
        "constructor": "x", "unknown": { "deep": [1, 2, 3] },
    }))
    .await
    .expect(200);
    let user = &answer.json()["user"];
    expect_user(user);
    assert_eq!(user["emailVerified"], false);
    assert_eq!(user["banned"], false);
    assert_eq!(user["twoFactorEnabled"], false);
    assert_eq!(user["role"], "user");
    assert_ne!(user["createdAt"], old);
}

#[tokio::test]
async fn who_does_not_want_to_be_remembered_is_not() {
    let answer = sign_up_with(json!({ "rememberMe": false })).await.expect(200);
    let lines = answer.set_cookies();
    assert_eq!(lines.len(), 2, "{lines:?}");
    expect_session_cookie(&lines[0], text(&answer.json()["token"]), None);
    assert!(lines[1].starts_with("better-auth.dont_remember=true."), "{lines:?}");
    assert!(lines[1].ends_with("; Path=/; HttpOnly; SameSite=Lax"), "{lines:?}");
    assert!(!lines[1].contains("Max-Age"), "{lines:?}");
}

#[tokio::test]
async fn a_form_is_taken() {
    let email = fresh_email();
    let form =
        format!("name=Ann+B%C3%B8&email={}&password=correct+horse", email.replace('@', "%40"));
    let answer = browser().await.post_text(PATH, FORM, &form).await.expect(200);
    assert_eq!(answer.json()["user"]["name"], "Ann Bø");
    browser().await.sign_in(&email, "correct horse").await.expect(200);
}

#[tokio::test]
async fn a_form_has_text_only() {
    let form = format!("name=Ann&email={}&password={PASSWORD}&rememberMe=false", fresh_email());
    let answer = browser().await.post_text(PATH, FORM, &form).await.expect(400);
    let message = "[body.rememberMe] Invalid input: expected boolean, received string";
    assert_eq!(answer.json(), json!({ "message": message, "code": "VALIDATION_ERROR" }));
}

#[tokio::test]
async fn a_name_may_be_empty_and_need_not_be_ascii() {
    for name in ["", "Ñandú 🦤", "<script>alert(1)</script>", "a\r\nb"] {
        let answer = sign_up_with(json!({ "name": name })).await.expect(200);
        assert_eq!(answer.json()["user"]["name"], name);
    }
}

#[tokio::test]
async fn of_50_simultaneous_sign_ups_with_one_address_one_wins() {
    let urls = shared().await;
    let (browser, email) = (Browser::new(&urls), fresh_email());
    let attempts = (0..50).map(|number| {
        let body =
            json!({ "name": "Ann", "email": email, "password": format!("{PASSWORD} {number}") });
        let mut browser = browser.clone();
        // Where hashing is slow, some are told to come again.
        async move { browser.post_patiently(PATH, &body).await }
    });
    let answers = join_all(attempts).await;

    let won: Vec<_> = (0..50).filter(|number| answers[*number].status == 200).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 200) {
        answer.clone().expect_code(422, "USER_ALREADY_EXISTS_USE_ANOTHER_EMAIL");
    }
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.user WHERE email = $1")
        .bind(&email)
        .fetch_one(&Stores::open(&urls).await.db)
        .await
        .expect("Postgres answers");
    assert_eq!(users, 1);
    let (winner, loser) = (won[0], (won[0] + 1) % 50);
    let mut browser = Browser::new(&urls);
    browser.sign_in(&email, &format!("{PASSWORD} {loser}")).await.expect(401);
    browser.sign_in(&email, &format!("{PASSWORD} {winner}")).await.expect(200);
}
