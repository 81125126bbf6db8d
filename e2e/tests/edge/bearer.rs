//! `Authorization: Bearer <signed session token>`, with the option on.

use e2e::{Answer, Browser, StackDir, User, own_stack, text};
use percent_encoding::percent_decode_str;
use reqwest::Method;
use serde_json::{Value, json};
use stack::Stack;

async fn with_bearer() -> (Stack, StackDir) {
    own_stack(&[("AUTH_BEARER", "true")]).await
}

/// A client without cookies that says nothing of an origin, as an app on a phone.
fn client(stack: &Stack) -> Browser {
    Browser::new(stack.urls()).on_page_of(None)
}

/// Asks with a bearer token, and keeps no cookies.
async fn ask(browser: &Browser, method: Method, path: &str, bearer: &str, body: Value) -> Answer {
    let mut request = browser.request(method.clone(), path).header("authorization", bearer);
    if method == Method::POST {
        request = request.json(&body);
    }
    browser.clone().send(request).await
}

async fn get(browser: &Browser, path: &str, bearer: &str) -> Answer {
    ask(browser, Method::GET, path, bearer, Value::Null).await
}

/// Whose session a bearer token opens.
async fn whose(browser: &Browser, bearer: &str) -> Value {
    let session = get(browser, "/api/auth/get-session", bearer).await.expect(200).json();
    session["user"]["id"].clone()
}

/// The user's signed token, percent-encoded as in the cookie, and decoded.
fn tokens(user: &User) -> (String, String) {
    let encoded = user.browser.session_cookie().to_owned();
    let decoded = percent_decode_str(&encoded).decode_utf8().expect("UTF-8").into_owned();
    (encoded, decoded)
}

#[tokio::test]
async fn it_is_off_by_default() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let bearer = format!("Bearer {}", tokens(&user).1);
    assert_eq!(whose(&client(&stack), &bearer).await, Value::Null);
    get(&client(&stack), "/api/servers", &bearer).await.expect(401);
    let mut browser = Browser::new(stack.urls());
    let answer = browser.sign_in(&user.email, e2e::PASSWORD).await.expect(200);
    assert_eq!(answer.header("set-auth-token"), None);
}

#[tokio::test]
async fn it_works_where_the_cookie_does() {
    let (stack, _dir) = with_bearer().await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let (encoded, decoded) = tokens(&user);
    let client = client(&stack);
    for bearer in [
        format!("Bearer {encoded}"),
        format!("Bearer {decoded}"),
        format!("bearer {decoded}"),
        format!("BEARER   {decoded}  "),
    ] {
        assert_eq!(whose(&client, &bearer).await, json!(user.id), "{bearer}");
        // At the edge, at each service, and at the application.
        get(&client, "/api/ws/token", &bearer).await.expect(200);
        get(&client, "/api/auth/list-sessions", &bearer).await.expect(200);
        get(&client, "/api/auth/list-accounts", &bearer).await.expect(200);
        let body = json!({ "password": "no" });
        ask(&client, Method::POST, "/api/auth/two-factor/enable", &bearer, body)
            .await
            .expect_code(400, "INVALID_PASSWORD");
        let servers = get(&client, "/api/servers", &bearer).await.expect(200).json();
        assert_eq!(servers["user"]["id"], json!(user.id));
    }
}

#[tokio::test]
async fn what_is_not_signed_by_us_is_nothing() {
    let (stack, _dir) = with_bearer().await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let (encoded, decoded) = tokens(&user);
    let client = client(&stack);
    let mut forged: Vec<String> = vec![
        user.token.clone(),
        format!("{}.", user.token),
        format!("{}.{}", user.token, "A".repeat(43) + "="),
        format!(".{decoded}"),
        format!("{decoded}; better-auth.session_token={decoded}"),
        encoded.replace("%3D", ""),
        "x".repeat(10_000),
    ];
    forged.extend((1..decoded.len()).step_by(7).map(|end| decoded[..end].to_owned()));
    for forged in forged {
        let bearer = format!("Bearer {forged}");
        assert_eq!(whose(&client, &bearer).await, Value::Null, "{forged}");
        get(&client, "/api/servers", &bearer).await.expect(401);
        get(&client, "/api/auth/list-sessions", &bearer).await.expect(401);
    }
    for scheme in ["Basic", "Token", "Bearer:", ""] {
        assert_eq!(whose(&client, &format!("{scheme} {decoded}")).await, Value::Null, "{scheme}");
    }
    let request = client.request(Method::GET, "/api/auth/get-session");
    let bearer = format!("Bearer {decoded}");
    let request = request.header("authorization", &bearer).header("authorization", &bearer);
    let twice = client.clone().send(request).await.expect(200).json();
    assert_eq!(twice, Value::Null, "two headers may have been written by two");
}

#[tokio::test]
async fn an_answer_that_opens_a_session_says_its_token_in_a_header() {
    let (stack, _dir) = with_bearer().await;
    let mut browser = Browser::new(stack.urls());
    let email = e2e::fresh_email();
    let body = json!({ "name": "Ann", "email": email, "password": e2e::PASSWORD });
    let signed_up = browser.post("/api/auth/sign-up/email", &body).await.expect(200);
    let signed_in = browser.sign_in(&email, e2e::PASSWORD).await.expect(200);
    for answer in [&signed_up, &signed_in] {
        let token = answer.header("set-auth-token").expect("the token");
        let signed = format!("{}.", text(&answer.json()["token"]));
        assert!(token.starts_with(&signed) && !token.contains('%'), "{token}");
        let exposed = answer.headers.get_all("access-control-expose-headers");
        let exposed: Vec<_> = exposed.iter().map(|line| line.to_str().expect("text")).collect();
        assert!(exposed.join(",").contains("set-auth-token"), "{exposed:?}");
        let id = whose(&client(&stack), &format!("Bearer {token}")).await;
        assert_eq!(id, answer.json()["user"]["id"]);
    }
    let refused = browser.clone().sign_in(&email, "wrong").await.expect(401);
    assert_eq!(refused.header("set-auth-token"), None);
    let out = browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert_eq!(out.header("set-auth-token"), None);
}

#[tokio::test]
async fn a_good_one_takes_the_place_of_the_cookie_and_a_bad_one_does_not() {
    let (stack, _dir) = with_bearer().await;
    let one = Browser::new(stack.urls()).sign_up().await;
    let other = Browser::new(stack.urls()).sign_up().await;
    let bearer = format!("Bearer {}", tokens(&other).1);
    assert_eq!(whose(&one.browser, &bearer).await, json!(other.id));
    assert_eq!(whose(&one.browser, "Bearer nonsense.nonsense").await, json!(one.id));
    let servers = get(&one.browser, "/api/servers", &bearer).await.expect(200).json();
    assert_eq!(servers["user"]["id"], json!(other.id));
}

#[tokio::test]
async fn without_cookies_no_origin_is_owed() {
    let (stack, _dir) = with_bearer().await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let bearer = format!("Bearer {}", tokens(&user).1);
    let change = async |browser: &Browser, bearer: &str| {
        ask(browser, Method::POST, "/api/auth/update-user", bearer, json!({ "name": "B" })).await
    };
    change(&client(&stack), &bearer).await.expect(200);
    // With any cookie it is, whatever else comes along.
    let mut with_cookie = client(&stack);
    with_cookie.cookies.insert("theme".into(), "dark".into());
    change(&with_cookie, &bearer).await.expect_code(403, "MISSING_OR_NULL_ORIGIN");
    let mut signed_in = user.browser.clone().on_page_of(None);
    change(&signed_in, &bearer).await.expect_code(403, "MISSING_OR_NULL_ORIGIN");
    change(&signed_in, "Bearer x.y").await.expect_code(403, "MISSING_OR_NULL_ORIGIN");
    // Nor may a foreign page use it.
    let foreign = client(&stack).on_page_of(Some("https://evil.example"));
    change(&foreign, &bearer).await.expect_code(403, "INVALID_ORIGIN");
    // And nobody can claim that their cookie was one.
    for name in ["x-cookie-from-bearer", "X-Cookie-From-Bearer", "x_cookie_from_bearer"] {
        let request = signed_in.request(Method::POST, "/api/auth/update-user");
        let request = request.header(name, "true").json(&json!({ "name": "C" }));
        signed_in.send(request).await.expect_code(403, "MISSING_OR_NULL_ORIGIN");
    }
}

#[tokio::test]
async fn a_revoked_one_is_dead_at_once() {
    let (stack, _dir) = with_bearer().await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let bearer = format!("Bearer {}", tokens(&user).1);
    assert_eq!(whose(&client(&stack), &bearer).await, json!(user.id));
    ask(&client(&stack), Method::POST, "/api/auth/sign-out", &bearer, json!({})).await.expect(200);
    assert_eq!(whose(&client(&stack), &bearer).await, Value::Null);
    get(&client(&stack), "/api/servers", &bearer).await.expect(401);
}

#[tokio::test]
async fn the_application_sees_who_is_calling_and_no_token() {
    let (stack, _dir) = with_bearer().await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let bearer = format!("Bearer {}", tokens(&user).1);
    let mut browser = client(&stack);
    let seen = get(&browser, "/api/request", &bearer).await.expect(200).json();
    assert_eq!(seen["claims"]["sub"], json!(user.id));
    assert!(seen["headers"].get("authorization").is_none(), "{seen}");
    assert!(seen["headers"].get("cookie").is_none(), "{seen}");
    browser.cookies.insert("theme".into(), "dark".into());
    browser.cookies.insert("better-auth.session_token".into(), "old".into());
    let seen = get(&browser, "/api/request", &bearer).await.expect(200).json();
    assert_eq!(seen["headers"]["cookie"], json!(["theme=dark"]));
    // A token that is not ours is the application's own business.
    let seen = get(&client(&stack), "/api/public", "Bearer theirs").await.expect(200).json();
    assert_eq!(seen["headers"]["authorization"], json!(["Bearer theirs"]));
}
