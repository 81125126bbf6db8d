//! What the gateway answers itself, and what it makes of paths, headers and bytes.

use e2e::{Answer, Browser, instant, keys, raw_answers, raw_request, shared, text};
use reqwest::Method;
use serde_json::json;

use crate::jwt::published_keys;

const SECURITY_HEADERS: [(&str, &str); 5] = [
    ("x-frame-options", "DENY"),
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "strict-origin-when-cross-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=()"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
];

async fn browser() -> Browser {
    Browser::new(&shared().await)
}

/// The one answer to these bytes.
async fn raw(request: &str) -> Answer {
    let mut answers = raw_answers(&shared().await.gateway_url, request).await;
    assert_eq!(answers.len(), 1, "{request}: {answers:?}");
    answers.remove(0)
}

async fn raw_get(path: &str) -> Answer {
    raw(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")).await
}

#[tokio::test]
async fn the_gateway_says_that_it_is_well() {
    let answer = browser().await.get("/health").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let body = answer.json();
    assert_eq!(keys(&body), ["status", "timestamp"]);
    assert_eq!(body["status"], "ok");
    assert!(instant(&body["timestamp"]).unix_seconds() > 0);
    let answer = browser().await.get("/api/auth/ok").await.expect(200);
    assert_eq!(answer.json(), json!({ "ok": true }));
}

#[tokio::test]
async fn public_keys_are_published_and_nothing_of_the_private_ones() {
    let browser = browser().await;
    let answer = browser.clone().get("/.well-known/jwks.json").await.expect(200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("public, max-age=300"));
    let set = answer.json();
    assert_eq!(keys(&set), ["keys"]);
    let listed = set["keys"].as_array().expect("a list");
    assert_eq!(listed.len(), 2);
    for key in listed {
        assert_eq!(keys(key), ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!(
            (text(&key["kty"]), text(&key["crv"]), text(&key["alg"])),
            ("OKP", "Ed25519", "EdDSA")
        );
        assert_eq!(text(&key["use"]), "sig");
    }
    assert_ne!(listed[0]["kid"], listed[1]["kid"]);
    assert_eq!(published_keys(&browser).await.keys.len(), 2);
}

#[tokio::test]
async fn our_answers_carry_security_headers_and_no_chatter() {
    let mut user = browser().await.sign_up().await;
    let answers = [
        user.browser.get("/health").await,
        user.browser.get("/api/auth/get-session").await,
        user.browser.get("/api/auth/list-sessions").await,
        user.browser.get("/api/auth/nowhere").await,
        user.browser.get("/nowhere").await,
        browser().await.get("/api/servers").await,
        user.browser.post("/api/auth/sign-out", &json!({})).await,
        user.browser.get("/api/servers").await,
        user.browser.get("/api/public").await,
    ];
    for answer in &answers {
        assert_eq!(answer.header("server"), None);
        assert_eq!(answer.header("x-powered-by"), None);
        assert!(answer.header("x-request-id").is_some_and(|id| id.len() == 32), "{answer:?}");
    }
    let (of_the_application, ours) = answers.split_last().expect("some");
    for answer in ours {
        for (name, value) in SECURITY_HEADERS {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        assert_eq!(answer.header("strict-transport-security"), None, "this is not https");
    }
    // What the application's pages may do is for the application to say.
    assert_eq!(of_the_application.header("content-security-policy"), None);
}

#[tokio::test]
async fn a_request_keeps_its_id() {
    let mut user = browser().await.sign_up().await;
    for path in ["/health", "/api/auth/list-sessions", "/api/request"] {
        let request =
            user.browser.request(Method::GET, path).header("x-request-id", "trace-0123.ABC_");
        let answer = user.browser.send(request).await.expect(200);
        assert_eq!(answer.header("x-request-id"), Some("trace-0123.ABC_"), "{path}");
        if path == "/api/request" {
            assert_eq!(answer.json()["headers"]["x-request-id"], json!(["trace-0123.ABC_"]));
        }
    }
    for unfit in ["short", "with a space", "<script>alert()</script>", &"x".repeat(65), ""] {
        let request = user.browser.request(Method::GET, "/health").header("x-request-id", unfit);
        let answer = user.browser.send(request).await.expect(200);
        assert!(answer.header("x-request-id").is_some_and(|id| id != unfit && id.len() == 32));
    }
}

#[tokio::test]
async fn where_limits_are_off_nothing_is_counted() {
    let mut browser = browser().await;
    for _ in 0..10 {
        let answer = browser.sign_in("nobody", "x").await.expect_code(400, "INVALID_EMAIL");
        assert_eq!(answer.header("x-ratelimit-limit"), None);
    }
}

// Paths

#[tokio::test]
async fn a_path_that_could_be_read_in_two_ways_is_not_read() {
    for path in [
        "/api//servers",
        "//api/servers",
        "/api/./servers",
        "/api/public/../servers",
        "/api/public/..;/servers",
        "/api/public/%2e%2e/servers",
        "/api/public/%2E%2E/servers",
        "/api/public/.%2e/servers",
        "/api/public%2f..%2fservers",
        "/api/public\\..\\servers",
        "/api/public%5c..%5cservers",
        "/%61pi/servers",
        "/api/serv%65rs",
        "/api/servers%00",
        "/api/servers%0a",
        "/api/servers%252f",
        "/api/servers%",
        "/api/servers%zz",
        "/api/servers%3fx",
        "/api/servers/..",
        "/..",
        "/api/public//",
        "/api//auth/ok",
    ] {
        raw_get(path).await.expect_error(400, "Bad request");
    }
}

#[tokio::test]
async fn a_prefix_ends_at_a_segment() {
    for path in [
        "/api/servers-old",
        "/api/serversx",
        "/api/server",
        "/api/publicx",
        "/API/servers",
        "/api",
        "/",
        "/api/wss",
    ] {
        raw_get(path).await.expect_error(404, "Not found");
    }
    for path in
        ["/api/servers", "/api/servers/", "/api/servers/1/files", "/api/servers?x=/../public"]
    {
        raw_get(path).await.expect_error(401, "Unauthorized");
    }
}

#[tokio::test]
async fn a_whole_url_leads_where_its_path_does() {
    let url = shared().await.gateway_url;
    let host = url.trim_start_matches("http://");
    let ask = async |host| {
        raw(&format!("GET {url}/api/servers HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
            .await
    };
    ask(host).await.expect_error(401, "Unauthorized");
    ask("evil.com").await.expect_empty(400);
}

// Requests that two servers could read in two ways

#[tokio::test]
async fn one_host_and_no_other() {
    let request =
        "GET /health HTTP/1.1\r\nHost: localhost\r\nHost: evil.com\r\nConnection: close\r\n\r\n";
    raw(request).await.expect_empty(400);
}

#[tokio::test]
async fn tunnels_and_traces_are_not_made() {
    let trace = "TRACE /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    raw(trace).await.expect_empty(405);
    let connect =
        "CONNECT evil.com:443 HTTP/1.1\r\nHost: evil.com:443\r\nConnection: close\r\n\r\n";
    raw(connect).await.expect_empty(405);
}

/// Nothing that is hidden in a body is ever answered as a request of its own.
#[tokio::test]
async fn a_body_is_never_the_next_request() {
    let urls = shared().await;
    let hidden = "GET /api/admin/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let length = hidden.len();
    let next = "GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    for path in [
        "/api/auth/get-session",
        "/health",
        "/nowhere",
        "/api/servers",
        "/api/auth/list-sessions",
        "/api/public",
    ] {
        for (framing, body) in [
            (format!("Content-Length: {length}"), hidden.to_owned()),
            (
                "Transfer-Encoding: chunked".to_owned(),
                format!("{length:x}\r\n{hidden}\r\n0\r\n\r\n"),
            ),
        ] {
            let request =
                format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n{body}{next}");
            let answers = raw_answers(&urls.gateway_url, &request).await;
            assert!((1..=2).contains(&answers.len()), "{path}, {framing}: {answers:?}");
            let smuggled = answers.iter().filter(|answer| answer.body.contains("userCount"));
            assert_eq!(smuggled.count(), 0, "{path}, {framing}: {answers:?}");
            if let Some(second) = answers.get(1) {
                assert!(second.body.contains("timestamp"), "{path}, {framing}: {answers:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_connection_with_a_body_that_nobody_asked_for_ends() {
    let request =
        "GET /api/auth/get-session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello";
    let answer = raw(request).await.expect(200);
    assert_eq!(answer.body, "null");
    assert_eq!(answer.header("connection"), Some("close"));
}

#[tokio::test]
async fn a_body_has_one_length() {
    let post = |framing| {
        format!(
            "POST /api/auth/sign-out HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             {framing}\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        )
    };
    for framing in [
        "Content-Length: 0\r\nContent-Length: 5",
        "Content-Length: 0, 5",
        "Content-Length: -1",
        "Content-Length: +0",
        "Content-Length: 0x0",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding : chunked",
        "Content-Length : 0",
    ] {
        let answer = raw(&post(framing)).await.expect_empty(400);
        assert_eq!(answer.header("connection"), Some("close"), "{framing}");
    }
    // Of two kinds of length the chunks count, and nothing is read after them.
    for framing in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 0",
    ] {
        let answer = raw(&post(framing)).await.expect(200);
        assert_eq!(answer.header("connection"), Some("close"), "{framing}");
    }
}

#[tokio::test]
async fn what_is_no_http_is_answered_with_nothing_or_a_400() {
    let urls = shared().await;
    for bytes in [
        &b"\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\r\n\r\n",
        b"GET / HTTP/1.1\r\n: x\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    ] {
        let answer = raw_request(&urls.gateway_url, bytes).await;
        let fine = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(fine, "{:?}: {answer}", String::from_utf8_lossy(bytes));
    }
    browser().await.get("/health").await.expect(200);
}
