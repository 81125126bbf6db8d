//! RD: where a browser may be sent when it comes back

use e2e::{fresh_email, fresh_id, github, shared};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{plain, stores, stranger};

/// Pages of strangers, in spellings that have fooled others.
const STRANGERS: [&str; 16] = [
    "https://evil.example",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/%5Cevil.example",
    "/%2f/evil.example",
    "/%09/evil.example\t",
    "/..//evil.example",
    "/%2e%2e//evil.example",
    "https:evil.example",
    "http://localhost@evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    "myapp://x",
    "dash",
    "/dash\r\nset-cookie: a=b",
];

#[tokio::test]
async fn no_page_of_a_stranger_is_taken() {
    for (field, code) in [
        ("callbackURL", "INVALID_CALLBACK_URL"),
        ("errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
        ("newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
    ] {
        for target in STRANGERS {
            for path in ["sign-in/social", "link-social"] {
                let body = json!({ "provider": "github", field: target });
                let answer = stranger().await.post(&format!("/api/auth/{path}"), &body).await;
                let answer = answer.expect_code(403, code);
                assert!(answer.set_cookies().is_empty(), "{field} {target}");
            }
        }
        let body = json!({ "provider": "github", field: 1 });
        stranger().await.begin_social(&body).await.expect(400);
    }
    let mut foreign = stranger().await.on_page_of(Some("https://evil.example"));
    foreign.begin_social(&plain("github")).await.expect_code(403, "INVALID_ORIGIN");
}

/// The trusted origins may be others by the time the browser comes back, and a row may have
/// been written by somebody else.
#[tokio::test]
async fn a_page_is_judged_again_on_the_way_back() {
    let frontend = shared().await.frontend_url;
    for target in STRANGERS.into_iter().filter(|target| !target.contains('\r')) {
        for denied in [false, true] {
            let mut wish = github(fresh_id(), &fresh_email(), true);
            wish["denied"] = json!(denied);
            let mut browser = stranger().await;
            let back = browser.to_provider_and_back(&plain("github"), &wish).await;
            let state = back.split("state=").nth(1).and_then(|rest| rest.split('&').next());
            let digest: [u8; 32] = Sha256::digest(state.expect("a state")).into();
            let changed = sqlx::query(
                "UPDATE identity.social_flow SET flow = flow || jsonb_build_object( \
                   'callback', $2::text, 'error_callback', $2::text, 'new_user_callback', $2::text) \
                 WHERE state_digest = $1",
            );
            let changed = changed.bind(digest).bind(target).execute(&stores().await.db).await;
            assert_eq!(changed.expect("changed").rows_affected(), 1);
            let answer = browser.get(&back).await.expect(302);
            let landed = answer.header("location").expect("a redirect");
            let gateway = shared().await.gateway_url;
            let expected = if denied {
                format!("{gateway}/api/auth/error?error=access_denied")
            } else {
                frontend.clone()
            };
            assert!(
                landed.starts_with(&expected) && !landed.contains("evil"),
                "{target}: {landed}"
            );
        }
    }
}

#[tokio::test]
async fn a_page_of_ours_is_taken_as_it_is_written() {
    let frontend = shared().await.frontend_url;
    for (target, landed) in [
        ("/dash?tab=1#top".to_owned(), "/dash?tab=1#top".to_owned()),
        (format!("{frontend}/welcome?x=%2F%2Fevil"), format!("{frontend}/welcome?x=%2F%2Fevil")),
    ] {
        let mut browser = stranger().await;
        let body = json!({ "provider": "github", "callbackURL": target });
        let wish = github(fresh_id(), &fresh_email(), true);
        let back = browser.to_provider_and_back(&body, &wish).await;
        browser.get(&back).await.expect_redirect(&landed);
    }
    let mut browser = stranger().await;
    let body = json!({ "provider": "github", "errorCallbackURL": "/sorry?from=github#top" });
    let back = browser.to_provider_and_back(&body, &json!({ "denied": true })).await;
    let answer = browser.get(&back).await.expect(302);
    let landed = answer.header("location").expect("a redirect");
    assert!(landed.starts_with("/sorry?from=github&error=access_denied&"), "{landed}");
    assert!(landed.ends_with("#top"), "{landed}");
}

/// What a provider says of an error is somebody's text.
#[tokio::test]
async fn a_providers_words_stay_words() {
    let hostile = "x\"><script>alert(1)</script>\r\nset-cookie: a=b&error=ok#y";
    let mut wish = json!({ "denied": true });
    wish["back"] = json!({ "error": hostile, "error_description": hostile });
    let mut browser = stranger().await;
    let back = browser.to_provider_and_back(&plain("github"), &wish).await;
    let answer = browser.get(&back).await.expect(302);
    let landed = answer.header("location").expect("a redirect").to_owned();
    assert_eq!(answer.set_cookies().len(), 1, "{answer:?}");
    for mark in ['<', '>', '"', '\r', '\n', '#'] {
        assert!(!landed.contains(mark), "{landed}");
    }
    assert_eq!(landed.matches("error=").count(), 1, "{landed}");

    let body = json!({ "provider": "github" });
    let back = browser.to_provider_and_back(&body, &wish).await;
    let page = browser.get(&back).await.expect(302);
    let page = page.header("location").expect("our page").replace(&shared().await.gateway_url, "");
    let page = browser.get(&page).await.expect(200);
    assert!(page.body.contains("UNKNOWN") && !page.body.contains("<script>"), "{page:?}");
}

/// A provider may post the answer instead (`response_mode=form_post`).
#[tokio::test]
async fn a_form_leads_to_the_same_path() {
    let gateway = shared().await.gateway_url;
    let mut provider = stranger().await.on_page_of(Some("https://accounts.example"));
    let form = "application/x-www-form-urlencoded";
    let path = "/api/auth/callback/github";
    let answer = provider.post_text(path, form, "code=a%20b&state=s&evil=1").await;
    answer.expect_redirect(&format!("{gateway}{path}?code=a%20b&state=s"));
    let answer = provider.post_text(&format!("{path}?state=q"), form, "code=c&state=s").await;
    answer.expect_redirect(&format!("{gateway}{path}?code=c&state=q"));
    let json = json!({ "code": "c", "state": "s" });
    provider.post(path, &json).await.expect_redirect(&format!("{gateway}{path}?code=c&state=s"));
    provider.post(path, &json!({ "code": ["c"] })).await.expect_code(400, "VALIDATION_ERROR");
    provider
        .post_text(path, "text/plain", "code=c")
        .await
        .expect_code(415, "UNSUPPORTED_MEDIA_TYPE");
    provider
        .post_text(&format!("{path}?state=a&state=b"), form, "code=c")
        .await
        .expect_code(400, "VALIDATION_ERROR");
    // With one of our cookies it must say that it comes from us.
    provider.cookies.insert("theme".into(), "dark".into());
    provider.post_text(path, form, "code=c").await.expect_code(403, "INVALID_ORIGIN");
}
