//! The first set-up, raced and judged.

use e2e::{Browser, expect_id, fresh_email, own_stack};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn of_200_simultaneous_set_ups_one_wins() {
    let (stack, _dir) = own_stack(&[]).await;
    let browser = Browser::new(stack.urls());
    let status = browser.clone().get("/api/admin/status").await.expect(200).json();
    assert_eq!(status, json!({ "initialized": false, "hasAdmin": false, "userCount": 0 }));

    let attempts = (0..200).map(|number| {
        let mut browser = browser.clone();
        async move {
            let name = format!("Admin {number}");
            let body = json!({ "name": name, "email": fresh_email(), "password": "correct horse" });
            // Where machines are slow, some are told to come again.
            browser.post_patiently("/api/setup", &body).await
        }
    });
    let answers = join_all(attempts).await;
    let won: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
    assert_eq!(won.len(), 1, "{answers:?}");
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.clone().expect_error(400, "System is already initialized");
    }
    assert_eq!(won[0].json()["user"]["role"], "admin");
    let status = browser.clone().get("/api/admin/status").await.expect(200).json();
    assert_eq!(status, json!({ "initialized": true, "hasAdmin": true, "userCount": 1 }));
}

async fn count_users(browser: &mut Browser) -> u64 {
    let status = browser.get("/api/admin/status").await.expect(200).json();
    status["userCount"].as_u64().expect("a number")
}

#[tokio::test]
async fn what_is_missing_for_the_first_set_up_is_told_in_the_contracts_order() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut browser = Browser::new(stack.urls());
    let missing = "Name, email, and password are required";
    let short = "Password must be at least 8 characters";
    let long = "Password must be at most 72 bytes";
    let email = "Invalid email format";
    for (body, error) in [
        (json!({}), missing),
        (json!({ "name": "Ann", "email": "ann@example.com" }), missing),
        (json!({ "name": "", "email": "ann@example.com", "password": "short" }), missing),
        (json!({ "name": "Ann", "email": 7, "password": "correct horse" }), missing),
        (json!({ "name": "Ann", "email": "ann@example.com", "password": "short" }), short),
        (json!({ "name": "Ann", "email": "nobody", "password": "1234567" }), short),
        (json!({ "name": "Ann", "email": "nobody", "password": "a".repeat(73) }), long),
        (json!({ "name": "Ann", "email": "nobody", "password": "correct horse" }), email),
    ] {
        browser.post("/api/setup", &body).await.expect_error(400, error);
    }
    for body in ["", "{", "[]", "null", "7"] {
        let answer = browser.post_text("/api/setup", "application/json", body).await;
        answer.expect_error(400, "Invalid JSON in request body");
    }
    let answer = browser.post_text("/api/setup", "text/plain", "{}").await;
    answer.expect_error(415, "Content-Type must be application/json");
    let whole = json!({ "name": "Ann", "email": fresh_email(), "password": "correct horse" });
    let mut foreign = browser.clone().on_page_of(Some("https://evil.com"));
    foreign.post("/api/setup", &whole).await.expect_error(403, "Invalid origin");
    assert_eq!(count_users(&mut browser).await, 0);
}

#[tokio::test]
async fn the_first_admin_signs_in_and_is_one() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut browser = Browser::new(stack.urls());
    let body = json!({ "name": "Ann", "email": "Ann@Example.com", "password": "correct horse" });
    let answer = browser.post("/api/setup", &body).await.expect(201);
    let made = answer.json();
    let user = json!({ "id": made["user"]["id"], "name": "Ann", "email": "ann@example.com", "role": "admin" });
    let message = "Admin account created successfully";
    assert_eq!(made, json!({ "success": true, "user": user, "message": message }));
    expect_id(&made["user"]["id"]);
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
    assert!(!browser.is_signed_in().await);

    browser.post("/api/setup", &body).await.expect_error(400, "System is already initialized");
    let signed_in = browser.sign_in("ann@example.com", "correct horse").await.expect(200).json();
    assert_eq!(signed_in["user"]["emailVerified"], true);
    assert_eq!(signed_in["user"]["role"], "admin");
    browser.get("/api/admin-area").await.expect(200);
}

#[tokio::test]
async fn whoever_signs_up_first_is_no_admin() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    assert_eq!(user.browser.session().await["user"]["role"], "user");
    let status = user.browser.get("/api/admin/status").await.expect(200).json();
    assert_eq!(status, json!({ "initialized": true, "hasAdmin": false, "userCount": 1 }));
}

#[tokio::test]
async fn where_a_set_up_token_is_asked_for_nothing_goes_without() {
    const TOKEN: &str = "a-token-for-the-first-set-up";
    let (stack, _dir) = own_stack(&[("SETUP_TOKEN", TOKEN)]).await;
    let mut browser = Browser::new(stack.urls());
    let body = json!({ "name": "Ann", "email": fresh_email(), "password": "correct horse" });
    let ask = |browser: &Browser, given: Option<&str>| {
        let request = browser.request(Method::POST, "/api/setup").json(&body);
        given.iter().fold(request, |request, given| request.header("x-setup-token", *given))
    };
    for given in
        [None, Some(""), Some("wrong"), Some(&TOKEN[1..]), Some("A-TOKEN-FOR-THE-FIRST-SET-UP")]
    {
        let request = ask(&browser, given);
        browser.send(request).await.expect_error(403, "Invalid setup token");
    }
    browser.post("/api/setup", &json!({})).await.expect_error(403, "Invalid setup token");
    assert_eq!(count_users(&mut browser).await, 0);
    let request = ask(&browser, Some(TOKEN));
    browser.send(request).await.expect(201);
}
