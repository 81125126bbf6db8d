//! What an upstream is told of the caller, and who may reach it.

use e2e::{Browser, PASSWORD, Stores, User, keys, raw_answers, shared, text};
use reqwest::Method;
use serde_json::{Value, json};

use crate::jwt::{claims, published_keys, verified};

const NAMES: [&str; 5] =
    ["x-user-id", "x-user-email", "x-user-role", "x-session-id", "x-identity-token"];

async fn user() -> User {
    Browser::new(&shared().await).sign_up().await
}

/// The session that an address would be seen with.
async fn address_seen(forwarded: &[&str]) -> Value {
    let mut browser = Browser::new(&shared().await);
    let body = json!({ "name": "Ann", "email": e2e::fresh_email(), "password": PASSWORD });
    let request = browser.request(Method::POST, "/api/auth/sign-up/email").json(&body);
    let request =
        forwarded.iter().fold(request, |request, line| request.header("x-forwarded-for", *line));
    browser.send(request).await.expect(200);
    browser.session().await["session"]["ipAddress"].clone()
}

#[tokio::test]
async fn nobody_reaches_an_application_behind_a_session() {
    let mut browser = Browser::new(&shared().await);
    for path in ["/api/servers", "/api/servers/1", "/api/request", "/api/admin-area"] {
        let answer = browser.get(path).await.expect_error(401, "Unauthorized");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        browser.post(path, &json!({})).await.expect_error(401, "Unauthorized");
    }
}

#[tokio::test]
async fn an_upstream_is_told_who_is_asking() {
    let urls = shared().await;
    let mut user = user().await;
    let session = user.browser.session().await["session"].clone();
    let seen = user.browser.get("/api/request?a=b&c=%20d").await.expect(200).json();
    assert_eq!((text(&seen["method"]), text(&seen["path"])), ("GET", "/api/request"));
    assert_eq!(seen["query"], "a=b&c=%20d");
    let headers = &seen["headers"];
    assert_eq!(headers["x-user-id"], json!([user.id]));
    assert_eq!(headers["x-user-email"], json!([user.email]));
    assert_eq!(headers["x-user-role"], json!(["user"]));
    assert_eq!(headers["x-session-id"], json!([session["id"]]));
    assert_eq!(headers["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(headers["x-forwarded-proto"], json!(["http"]));
    let host = urls.gateway_url.trim_start_matches("http://");
    assert_eq!(headers["x-forwarded-host"], json!([host]));
    assert_eq!(headers["host"], json!([host]));
    assert!(headers.get("x-gateway-key").is_none(), "{headers}");
    assert!(headers.get("x-client-addr").is_none(), "{headers}");
}

#[tokio::test]
async fn an_assertion_is_for_one_upstream_and_one_minute() {
    let urls = shared().await;
    let mut user = user().await;
    let session = user.browser.session().await["session"].clone();
    let seen = user.browser.get("/api/request").await.expect(200).json();
    let token = text(&seen["headers"]["x-identity-token"][0]).to_owned();
    let published = published_keys(&user.browser).await;
    let claims = claims(&token, &published, "panel");
    assert_eq!(keys(&claims), ["aud", "email", "exp", "iat", "iss", "name", "role", "sid", "sub"]);
    assert_eq!(claims["iss"], urls.gateway_url);
    assert_eq!(claims["aud"], "panel");
    assert_eq!(claims["sub"], user.id);
    assert_eq!(claims["sid"], session["id"]);
    assert_eq!(claims["email"], user.email);
    assert_eq!(claims["name"], "Ann");
    assert_eq!(claims["role"], "user");
    let (iat, exp) = (claims["iat"].as_i64(), claims["exp"].as_i64());
    assert_eq!(exp.expect("a number") - iat.expect("a number"), 60);
    for key in &published.keys {
        assert_eq!(verified(&token, key, "ws"), None);
    }
}

#[tokio::test]
async fn nobody_is_told_of_where_nobody_is_signed_in() {
    let mut browser = Browser::new(&shared().await);
    let seen = browser.get("/api/public").await.expect(200).json();
    assert_eq!(seen["claims"], Value::Null);
    for name in NAMES {
        assert!(seen["headers"].get(name).is_none(), "{seen}");
    }
    let mut user = user().await;
    let seen = user.browser.get("/api/public").await.expect(200).json();
    assert_eq!(seen["claims"]["sub"], user.id);
}

/// Other spellings that a framework could take for the same name.
fn spellings(name: &str) -> [String; 6] {
    let capitalised =
        name.split('-').map(|part| part[..1].to_uppercase() + &part[1..]).collect::<Vec<_>>();
    [
        name.to_owned(),
        name.to_uppercase(),
        capitalised.join("-"),
        name.replace('-', "_"),
        capitalised.join("_"),
        name.replacen('-', "_", 1),
    ]
}

#[tokio::test]
async fn a_caller_can_not_name_itself() {
    let mut user = user().await;
    let mut nobody = Browser::new(&shared().await);
    let others = [
        "x-gateway-key",
        "x-client-addr",
        "x-real-ip",
        "forwarded",
        "x-forwarded-proto",
        "x-forwarded-host",
    ];
    for name in NAMES.into_iter().chain(others) {
        for spelling in spellings(name) {
            for browser in [&mut nobody, &mut user.browser] {
                let request = browser.request(Method::GET, "/api/public");
                let request = request.header(&spelling, "forged").header(&spelling, "forged again");
                let answer = browser.send(request).await.expect(200);
                assert!(!answer.body.contains("forged"), "{spelling}: {}", answer.body);
            }
        }
    }
    let seen = user.browser.get("/api/request").await.expect(200).json();
    assert_eq!(seen["headers"]["x-user-id"], json!([user.id]));
}

#[tokio::test]
async fn a_name_that_is_ours_can_not_be_made_to_fall_off() {
    let urls = shared().await;
    let user = user().await;
    for connection in [
        "close, X-User-Id",
        "close, x-identity-token, x-user-role",
        "X-Session-Id, close",
        "x-user-id",
    ] {
        let request = format!(
            "GET /api/request HTTP/1.1\r\nHost: localhost\r\nCookie: better-auth.session_token={}\r\n\
             Connection: {connection}\r\nX-User-Id: forged\r\n\r\n",
            user.browser.session_cookie()
        );
        let answers = raw_answers(&urls.gateway_url, &request).await;
        let seen = answers[0].clone().expect(200).json();
        assert_eq!(seen["headers"]["x-user-id"], json!([user.id]), "{connection}");
        for name in NAMES {
            assert_eq!(
                seen["headers"][name].as_array().map(Vec::len),
                Some(1),
                "{connection}: {name}"
            );
        }
    }
}

#[tokio::test]
async fn an_upstream_can_not_speak_of_callers_to_clients() {
    let mut user = user().await;
    let answer = user.browser.get("/api/request").await.expect(200);
    for name in NAMES {
        assert_eq!(answer.header(name), None);
    }
}

#[tokio::test]
async fn a_route_for_admins_is_for_admins() {
    let urls = shared().await;
    let mut user = user().await;
    user.browser.get("/api/admin-area").await.expect_error(403, "Forbidden");
    for role in ["admin", "user,admin"] {
        sqlx::query("UPDATE identity.user SET role = $2, version = version + 1 WHERE id = $1")
            .bind(&user.id)
            .bind(role)
            .execute(&Stores::open(&urls).await.db)
            .await
            .expect("Postgres answers");
        user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
        let answer = user.browser.get("/api/admin-area").await.expect(200);
        assert_eq!(answer.json(), json!({ "ok": true }));
        let seen = user.browser.get("/api/request").await.expect(200).json();
        assert_eq!(seen["headers"]["x-user-role"], json!([role]));
    }
}

#[tokio::test]
async fn every_method_reaches_the_application_with_its_body() {
    let mut user = user().await;
    for method in [Method::POST, Method::PUT, Method::PATCH, Method::DELETE] {
        let request = user.browser.request(method.clone(), "/api/request").body("x".repeat(10_000));
        let seen = user.browser.send(request).await.expect(200).json();
        assert_eq!(seen["method"], method.as_str());
    }
}

#[tokio::test]
async fn an_application_is_sent_a_mebibyte_at_most() {
    let mut user = user().await;
    let mebibyte = 1024 * 1024;
    let request = user.browser.request(Method::POST, "/api/request").body("x".repeat(mebibyte + 1));
    user.browser.send(request).await.expect_error(413, "Request body is too large");
}

// Addresses

#[tokio::test]
async fn a_trusted_proxy_says_where_a_caller_is() {
    assert_eq!(address_seen(&[]).await, "127.0.0.1");
    assert_eq!(address_seen(&["203.0.113.9"]).await, "203.0.113.9");
    assert_eq!(address_seen(&[" 203.0.113.9 "]).await, "203.0.113.9");
    assert_eq!(address_seen(&["::ffff:203.0.113.9"]).await, "203.0.113.9");
}

#[tokio::test]
async fn of_many_hops_the_last_that_is_no_proxy_of_ours_counts() {
    assert_eq!(address_seen(&["6.6.6.6, 203.0.113.9"]).await, "203.0.113.9");
    assert_eq!(address_seen(&["6.6.6.6, 203.0.113.9, 127.0.0.1"]).await, "203.0.113.9");
    assert_eq!(address_seen(&["6.6.6.6", "203.0.113.9"]).await, "203.0.113.9");
}

#[tokio::test]
async fn what_is_no_address_is_not_believed() {
    for line in ["nonsense", "", "203.0.113.9:80x", "<script>", "999.1.1.1"] {
        assert_eq!(address_seen(&[line]).await, "127.0.0.1", "{line}");
    }
}

#[tokio::test]
async fn ipv6_is_kept_by_its_network() {
    let network = "2001:0db8:0001:0002:0000:0000:0000:0000";
    assert_eq!(address_seen(&["2001:DB8:1:2:3:4:5:6"]).await, network);
    assert_eq!(address_seen(&["2001:db8:1:2::"]).await, network);
}
