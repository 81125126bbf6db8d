//! Bodies that cannot be read.

use e2e::{raw_answers, shared};
use reqwest::Method;
use serde_json::json;

use super::{
    JSON, POSTS, REVOKE, SIGN_IN, SIGN_OUT, SIGN_UP, browser, expect_broken_json, expect_refusal,
};

/// Those that need fields.
const WITH_FIELDS: [&str; 3] = [SIGN_UP, SIGN_IN, REVOKE];

const LIMIT_BYTES: usize = 64 * 1024;

#[tokio::test]
async fn broken_json_is_told() {
    let mut browser = browser().await;
    for (path, _) in POSTS {
        for body in [
            "{",
            "{\"a\":}",
            "{'a':1}",
            "nul",
            "{\"a\":1}x",
            "{\"a\":1,}",
            "\u{feff}{}",
            "{\"a\":\"\u{1}\"}",
            " ",
        ] {
            expect_broken_json(browser.post_text(path, JSON, body).await);
        }
        let request = browser.request(Method::POST, path).header("content-type", JSON);
        expect_broken_json(browser.send(request.body(&b"{\"a\":\"\xff\"}"[..])).await);
    }
}

#[tokio::test]
async fn nesting_without_end_is_broken_json() {
    let mut browser = browser().await;
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let body = format!("{}1{}", open.repeat(10_000), close.repeat(10_000));
        for (path, _) in POSTS {
            expect_broken_json(browser.post_text(path, JSON, &body).await);
            expect_broken_json(browser.post_text(path, JSON, &open.repeat(10_000)).await);
        }
    }
}

#[tokio::test]
async fn another_media_type_is_told_which_are_taken() {
    let mut browser = browser().await;
    for (path, taken) in POSTS {
        for given in [
            "text/plain",
            "application/ld+json",
            "multipart/form-data; boundary=x",
            "Text/JSON",
            "application/jsonp",
        ] {
            let message =
                format!("Content-Type \"{given}\" is not allowed. Allowed types: {taken}");
            let answer = browser.post_text(path, given, "{}").await;
            expect_refusal(answer, 415, "UNSUPPORTED_MEDIA_TYPE", &message);
        }
    }
}

#[tokio::test]
async fn forms_are_taken_where_people_sign_in_only() {
    let mut browser = browser().await;
    let form = "application/x-www-form-urlencoded";
    for (path, taken) in &POSTS[2..] {
        let message = format!("Content-Type \"{form}\" is not allowed. Allowed types: {taken}");
        let answer = browser.post_text(path, form, "token=x").await;
        expect_refusal(answer, 415, "UNSUPPORTED_MEDIA_TYPE", &message);
    }
}

#[tokio::test]
async fn a_body_says_what_it_is() {
    let mut browser = browser().await;
    for (path, taken) in POSTS {
        let message = format!("Content-Type is required. Allowed types: {taken}");
        for body in ["{}", ""] {
            let request = browser.request(Method::POST, path).body(body);
            let answer = browser.send(request).await;
            expect_refusal(answer, 415, "UNSUPPORTED_MEDIA_TYPE", &message);
        }
    }
}

#[tokio::test]
async fn charset_and_case_of_the_media_type_do_not_matter() {
    let mut browser = browser().await;
    for given in [
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=x",
        " application/json ;",
    ] {
        browser.post_text(SIGN_OUT, given, "{}").await.expect(200);
    }
}

#[tokio::test]
async fn a_body_that_needs_fields_is_an_object() {
    let mut browser = browser().await;
    for path in WITH_FIELDS {
        for (body, received) in [
            ("[]", "array"),
            ("[{}]", "array"),
            ("\"x\"", "string"),
            ("7", "number"),
            ("true", "boolean"),
            ("null", "null"),
            ("", "undefined"),
        ] {
            let message = format!("[body] Invalid input: expected object, received {received}");
            let answer = browser.post_text(path, JSON, body).await;
            expect_refusal(answer, 400, "VALIDATION_ERROR", &message);
        }
    }
}

#[tokio::test]
async fn a_body_has_64_kib_at_most() {
    let mut browser = browser().await;
    let padded = |bytes: usize| {
        let frame =
            json!({ "email": "nobody", "password": "x", "name": "x", "token": 0, "padding": "" })
                .to_string();
        frame.replace(
            "\"padding\":\"\"",
            &format!("\"padding\":\"{}\"", "x".repeat(bytes - frame.len())),
        )
    };
    for (path, _) in POSTS {
        let answer = browser.post_text(path, JSON, &padded(LIMIT_BYTES + 1)).await;
        expect_refusal(answer, 413, "PAYLOAD_TOO_LARGE", "Request body is too large");
        let fitting = browser.post_text(path, JSON, &padded(LIMIT_BYTES)).await;
        assert!([200, 400, 401].contains(&fitting.status), "{path}: {fitting:?}");
    }
    let answer = browser.post_text("/api/setup", JSON, &padded(LIMIT_BYTES + 1)).await;
    answer.expect_error(413, "Request body is too large");
}

#[tokio::test]
async fn a_body_of_unknown_length_has_64_kib_at_most_too() {
    let urls = shared().await;
    let chunk = format!("400\r\n{}\r\n", "x".repeat(1024));
    for path in [SIGN_IN, SIGN_OUT, REVOKE] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
        );
        let ask = |count| {
            let (gateway, request) =
                (&urls.gateway_url, format!("{head}{}0\r\n\r\n", chunk.repeat(count)));
            async move { raw_answers(gateway, &request).await.remove(0) }
        };
        expect_refusal(ask(65).await, 413, "PAYLOAD_TOO_LARGE", "Request body is too large");
        expect_broken_json(ask(64).await);
    }
}

#[tokio::test]
async fn an_oversized_body_is_refused_before_it_is_sent() {
    let urls = shared().await;
    let head = "POST /api/auth/sign-out HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n\
                Content-Length: 10000000000\r\nConnection: close\r\n\r\n";
    let answers = raw_answers(&urls.gateway_url, head).await;
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0].clone().expect_code(413, "PAYLOAD_TOO_LARGE");
}

#[tokio::test]
async fn odd_keys_and_numbers_break_nothing() {
    let mut browser = browser().await;
    for body in [
        r#"{"__proto__":{"email":"a@b.co"},"constructor":{"prototype":{}},"toString":1}"#,
        r#"{"email":1e999,"password":-0.0}"#,
        r#"{"email":123456789012345678901234567890}"#,
        r#"{"":"","email":"a@b.co","email":7}"#,
        r#"{"email":"\u0000","password":"\u0000"}"#,
    ] {
        let answer = browser.post_text(SIGN_IN, JSON, body).await;
        assert_eq!(answer.status, 400, "{body}: {answer:?}");
    }
}
