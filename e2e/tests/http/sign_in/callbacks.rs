//! Where a browser may be sent after signing in (contract 9.3).

use e2e::{PASSWORD, keys, shared};
use serde_json::json;

use super::{PATH, scene};

#[tokio::test]
async fn a_callback_comes_back_in_the_body_and_as_location() {
    let mut scene = scene().await;
    let callback = format!("{}/dash?a=b#c", shared().await.frontend_url);
    for callback in [callback.as_str(), "/dash"] {
        let answer = scene.sign_in_with(json!({ "callbackURL": callback })).await.expect(200);
        let body = answer.json();
        assert_eq!(keys(&body), ["redirect", "token", "url", "user"]);
        assert_eq!(body["redirect"], true);
        assert_eq!(body["url"], callback);
        assert_eq!(answer.header("location"), Some(callback));
    }
    let answer = scene.sign_in_with(json!({ "callbackURL": "" })).await.expect(200);
    assert_eq!(keys(&answer.json()), ["redirect", "token", "user"]);
}

#[tokio::test]
async fn callbacks_stay_on_trusted_origins() {
    let mut scene = scene().await;
    let urls = shared().await;
    let ours = urls.frontend_url.as_str();
    let host = ours.trim_start_matches("http://");
    let refused = [
        "//evil.com",
        "/\\evil.com",
        "/%5Cevil.com",
        "/%2f/evil",
        "/a%2Fb",
        "dash",
        "?x=1",
        "#a",
        &format!("{ours}.evil.com"),
        &format!("{ours}@evil.com"),
        &format!("https://{host}"),
        &format!("{ours}0"),
        "http://localhost",
        "javascript:alert(1)",
        "data:text/html,x",
        "\t/foo",
        "/foo\n",
        "/foo\r\nSet-Cookie: a=b",
        "myapp://x",
        "/..//evil.com",
        "/.//evil.com",
        "/x/..//evil.com",
        "/%2e%2e//evil.com",
    ];
    for callback in refused {
        let answer = scene.sign_in_with(json!({ "callbackURL": callback })).await.expect(403);
        let expected = json!({ "message": "Invalid callbackURL", "code": "INVALID_CALLBACK_URL" });
        assert_eq!(answer.json(), expected, "{callback:?}");
        assert_eq!(answer.header("location"), None);
    }
    let accepted = [
        "/dash",
        "/foo?x=%2F%2Fevil",
        "/foo?u=http://evil.com",
        "/a b",
        "/é",
        ours,
        &format!("{ours}/x"),
        &format!("{}/x", ours.to_uppercase()),
        &format!("http://evil.com@{host}/"),
        &format!("http:\\\\{host}\\x"),
        &urls.gateway_url,
    ];
    for callback in accepted {
        // The address is no address, so nothing is hashed: the callback is judged before.
        let answer =
            scene.sign_in_with(json!({ "callbackURL": callback, "email": "nobody" })).await;
        answer.expect_code(400, "INVALID_EMAIL");
    }
}

#[tokio::test]
async fn every_field_that_leads_somewhere_is_judged_under_its_name() {
    let mut scene = scene().await;
    for (field, label, code) in [
        ("callbackURL", "callbackURL", "INVALID_CALLBACK_URL"),
        ("redirectTo", "redirectURL", "INVALID_REDIRECT_URL"),
        ("errorCallbackURL", "errorCallbackURL", "INVALID_ERROR_CALLBACK_URL"),
        ("newUserCallbackURL", "newUserCallbackURL", "INVALID_NEW_USER_CALLBACK_URL"),
    ] {
        let answer = scene.sign_in_with(json!({ field: "//evil.com" })).await.expect(403);
        assert_eq!(answer.json(), json!({ "message": format!("Invalid {label}"), "code": code }));
        for value in [json!(1), json!(true), json!(["/a"]), json!({})] {
            let answer = scene.sign_in_with(json!({ field: value })).await.expect(400);
            let message = format!("Invalid {label}: expected a string");
            assert_eq!(answer.json(), json!({ "message": message }));
        }
    }
}

#[tokio::test]
async fn a_callback_in_the_query_is_judged_too() {
    let mut scene = scene().await;
    let body = json!({ "email": scene.user.email, "password": PASSWORD });
    let path = format!("{PATH}?callbackURL=%2F%2Fevil.com");
    scene.browser.post(&path, &body).await.expect_code(403, "INVALID_CALLBACK_URL");
}

#[tokio::test]
async fn a_callback_outside_ascii_is_sent_back_as_ascii() {
    let mut scene = scene().await;
    let answer = scene.sign_in_with(json!({ "callbackURL": "/é" })).await.expect(200);
    assert_eq!(answer.json()["url"], "/é");
    assert_eq!(answer.header("location"), Some("/%C3%A9"));
}
