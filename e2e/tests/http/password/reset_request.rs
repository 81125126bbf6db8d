//! `POST /api/auth/request-password-reset`

use e2e::{Browser, fresh_email, link_in, mail_about, mails_to, shared};
use serde_json::{Value, json};

use super::{RESET_SUBJECT, new_user};

const PATH: &str = "/api/auth/request-password-reset";

async fn request(body: &Value) -> e2e::Answer {
    Browser::new(&shared().await).post(PATH, body).await
}

#[tokio::test]
async fn a_stranger_and_a_user_get_the_same_answer_and_only_the_user_a_mail() {
    let (user, stranger) = (new_user().await, fresh_email());
    let of = async |email: &str| {
        let mut answer = request(&json!({ "email": email })).await.expect(200);
        for changing in ["x-request-id", "date"] {
            answer.headers.remove(changing);
        }
        answer
    };
    let (unknown, known) = (of(&stranger).await, of(&user.email).await);
    assert_eq!(unknown.body, known.body);
    assert_eq!(unknown.headers, known.headers);
    let message = "If this email exists in our system, check your email for the reset link";
    assert_eq!(known.json(), json!({ "status": true, "message": message }));

    // The stranger's request is looked into before the user's.
    let outbox = shared().await.outbox;
    mail_about(&outbox, &user.email, RESET_SUBJECT).await;
    assert!(mails_to(&outbox, &stranger).is_empty());
}

#[tokio::test]
async fn a_link_leads_to_the_configured_address_whatever_a_request_says_of_itself() {
    let (user, urls) = (new_user().await, shared().await);
    let mut browser = Browser::new(&urls);
    let mut poisoned =
        browser.request(reqwest::Method::POST, PATH).json(&json!({ "email": user.email }));
    for (name, value) in [
        ("host", "evil.example"),
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "ftp"),
        ("forwarded", "host=evil.example;proto=ftp"),
        ("x-original-url", "http://evil.example/"),
    ] {
        poisoned = poisoned.header(name, value);
    }
    browser.send(poisoned).await.expect(200);
    let mail = mail_about(&urls.outbox, &user.email, RESET_SUBJECT).await;
    assert!(
        link_in(&mail).starts_with(&format!("{}/api/auth/reset-password/", urls.gateway_url)),
        "{mail}"
    );
    assert!(!mail.contains("evil"), "{mail}");
}

#[tokio::test]
async fn a_link_carries_where_to_go_next() {
    let (user, urls) = (new_user().await, shared().await);
    let redirect = format!("{}/new-password?from=mail#top", urls.frontend_url);
    request(&json!({ "email": user.email, "redirectTo": redirect })).await.expect(200);
    let link = link_in(&mail_about(&urls.outbox, &user.email, RESET_SUBJECT).await);
    let link = url::Url::parse(&link).expect("a link");
    let callback =
        link.query_pairs().find(|(name, _)| name == "callbackURL").expect("a callback").1;
    assert_eq!(callback, redirect);
    let token = link.path().rsplit('/').next().expect("a token");
    assert!(token.len() == 24 && token.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{token}");
}

#[tokio::test]
async fn a_redirect_to_a_strangers_page_is_refused_and_nothing_is_mailed() {
    let user = new_user().await;
    for redirect in [
        "https://evil.example",
        "//evil.example",
        "/..//evil.example",
        "/\\evil.example",
        "javascript:x",
    ] {
        let answer = request(&json!({ "email": user.email, "redirectTo": redirect })).await;
        answer.expect_code(403, "INVALID_REDIRECT_URL");
    }
    let foreign = Browser::new(&shared().await).on_page_of(Some("https://evil.example"));
    foreign
        .clone()
        .post(PATH, &json!({ "email": user.email }))
        .await
        .expect_code(403, "INVALID_ORIGIN");
    assert!(mails_to(&shared().await.outbox, &user.email).is_empty());
}

#[tokio::test]
async fn a_name_adds_neither_headers_nor_markup_to_a_mail() {
    let mut user = new_user().await;
    let name = "Eve\r\nBcc: eve@evil.example\r\n\r\n<img src=x>\u{2028}{{ url }}";
    user.browser.post("/api/auth/update-user", &json!({ "name": name })).await.expect(200);
    request(&json!({ "email": user.email })).await.expect(200);
    let mail = mail_about(&shared().await.outbox, &user.email, RESET_SUBJECT).await;
    let headers = mail.split("\r\n\r\n").next().expect("headers");
    let names: Vec<_> = headers
        .lines()
        .filter(|line| !line.starts_with([' ', '\t']))
        .filter_map(|line| line.split(':').next())
        .collect();
    let expected = [
        "Message-ID",
        "Date",
        "From",
        "To",
        "Subject",
        "Auto-Submitted",
        "MIME-Version",
        "Content-Type",
    ];
    assert_eq!(names, expected, "{headers}");
    assert!(!mail.lines().any(|line| line.starts_with("Bcc")), "{mail}");
    let html = mail.split("text/html").nth(1).expect("an HTML part");
    assert!(!html.contains("<img"), "{html}");
}

#[tokio::test]
async fn what_is_no_address_is_refused() {
    for email in [
        json!("nobody"),
        json!(" a@example.com"),
        json!("a@example.com\r\nBcc: b@example.com"),
        json!(1),
        Value::Null,
    ] {
        request(&json!({ "email": email })).await.expect_code(400, "VALIDATION_ERROR");
    }
}
