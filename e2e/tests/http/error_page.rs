//! `GET /api/auth/error`, where it shows a page of its own

use e2e::{Answer, Browser, shared};

async fn page(query: &str) -> Answer {
    Browser::new(&shared().await).get(&format!("/api/auth/error{query}")).await.expect(200)
}

#[tokio::test]
async fn the_page_says_the_code() {
    let answer = page("?error=INVALID_TOKEN&error_description=It%20is%20over").await;
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.body.contains("<code>INVALID_TOKEN</code>"), "{}", answer.body);
    assert!(answer.body.contains("It is over"), "{}", answer.body);
}

#[tokio::test]
async fn nothing_of_the_query_becomes_markup() {
    for payload in [
        "%3Cscript%3Ealert(1)%3C/script%3E",
        "%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E",
        "%3C!--",
        "'%20onload='alert(1)",
        "%EF%BC%9Cscript%EF%BC%9E",
        "%ff%3Cscript%3E",
    ] {
        let answer = page(&format!("?error={payload}&error_description={payload}")).await;
        assert!(answer.body.contains("<code>UNKNOWN</code>"), "{}", answer.body);
        for markup in ["<script", "<img", "<!--", "'alert"] {
            assert!(!answer.body.contains(markup), "{payload}: {}", answer.body);
        }
    }
    for query in ["", "?error=", "?error=a&error=b", "?error=a%0D%0Ab"] {
        assert!(page(query).await.body.contains("<code>UNKNOWN</code>"), "{query}");
    }
}

#[tokio::test]
async fn the_page_may_load_nothing_and_stands_in_no_frame() {
    let answer = page("?error=X").await;
    for (name, value) in [
        ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(answer.header(name), Some(value), "{name}");
    }
}
