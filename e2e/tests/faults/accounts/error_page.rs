//! `GET /api/auth/error` in production: the panel says it in its own words

use e2e::{Browser, own_stack};

#[tokio::test]
async fn in_production_an_error_is_shown_by_the_panel() {
    let (stack, _dir) = own_stack(&[("NODE_ENV", "production"), ("RATE_LIMIT", "off")]).await;
    let frontend = &stack.urls().frontend_url;
    for (query, expected) in [
        ("?error=INVALID_TOKEN", "/?error=INVALID_TOKEN"),
        (
            "?error=X&error_description=a%20b%26c%3Cb%3E",
            "/?error=X&error_description=a%20b%26c%3Cb%3E",
        ),
        ("?error=%3Cscript%3E", "/?error=UNKNOWN"),
        ("?error=a%0D%0Ab", "/?error=UNKNOWN"),
        ("", "/?error=UNKNOWN"),
    ] {
        let answer = Browser::new(stack.urls())
            .get(&format!("/api/auth/error{query}"))
            .await
            .expect_empty(302);
        assert_eq!(answer.header("location"), Some(format!("{frontend}{expected}").as_str()));
    }
}
