//! Which pages may act (contract 9.2).

use e2e::{Answer, Browser, shared};
use reqwest::Method;
use serde_json::json;

const SIGN_IN: &str = "/api/auth/sign-in/email";
const SIGN_UP: &str = "/api/auth/sign-up/email";
const SIGN_OUT: &str = "/api/auth/sign-out";
const REVOKE: &str = "/api/auth/revoke-session";
const REVOKE_ALL: &str = "/api/auth/revoke-sessions";
const REVOKE_OTHERS: &str = "/api/auth/revoke-other-sessions";

/// What a route that signs nobody in answers to who has no session and may ask.
const MAY_ASK: [(&str, u16); 4] =
    [(SIGN_OUT, 200), (REVOKE, 401), (REVOKE_ALL, 401), (REVOKE_OTHERS, 401)];

struct Origins {
    browser: Browser,
    frontend: String,
    own: String,
}

async fn origins() -> Origins {
    let urls = shared().await;
    let browser = Browser::new(&urls).on_page_of(None);
    Origins { browser, frontend: urls.frontend_url.clone(), own: urls.gateway_url.clone() }
}

impl Origins {
    /// Posts a body that fits, with exactly these headers.
    async fn post(&mut self, path: &str, headers: &[(&str, &str)]) -> Answer {
        // No address, so that signing in is refused without any work.
        let body = match path {
            SIGN_IN => json!({ "email": "nobody", "password": "x" }),
            SIGN_UP => json!({ "email": "nobody", "name": "", "password": "x" }),
            _ => json!({ "token": "x" }),
        };
        let request = self.browser.request(Method::POST, path).json(&body);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.browser.send(request).await
    }

    /// What every trusted page may put into `Origin` or `Referer`.
    fn trusted(&self) -> Vec<(&'static str, String)> {
        vec![
            ("origin", self.frontend.clone()),
            ("origin", self.own.clone()),
            ("origin", self.frontend.to_uppercase()),
            ("referer", format!("{}/login?next=/a#b", self.frontend)),
            ("referer", format!("{}/", self.own)),
        ]
    }

    fn foreign(&self) -> Vec<(&'static str, String)> {
        let frontend = &self.frontend;
        let https = frontend.replace("http://", "https://");
        vec![
            ("origin", "https://evil.com".to_owned()),
            ("origin", format!("{frontend}.evil.com")),
            ("origin", format!("{frontend}0")),
            ("origin", https),
            ("origin", "http://localhost".to_owned()),
            ("origin", "http://127.0.0.1".to_owned()),
            ("origin", "nonsense".to_owned()),
            ("origin", "file://".to_owned()),
            ("origin", format!("{frontend}, https://evil.com")),
            ("referer", format!("https://evil.com/?{frontend}")),
            ("referer", format!("{frontend}@evil.com/")),
        ]
    }
}

#[track_caller]
fn expect_refusal(answer: Answer, code: &str, message: &str) {
    let answer = answer.expect(403);
    assert_eq!(answer.json(), json!({ "message": message, "code": code }));
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
}

#[track_caller]
fn expect_missing(answer: Answer) {
    expect_refusal(answer, "MISSING_OR_NULL_ORIGIN", "Missing or null Origin");
}

#[track_caller]
fn expect_invalid(answer: Answer) {
    expect_refusal(answer, "INVALID_ORIGIN", "Invalid origin");
}

/// The request got past the check, to the fields.
#[track_caller]
fn expect_judged(answer: Answer) {
    let answer = answer.expect(400);
    let code = &answer.json()["code"];
    assert!(code == "INVALID_EMAIL" || code == "VALIDATION_ERROR", "{answer:?}");
}

const ANY_COOKIE: (&str, &str) = ("cookie", "theme=dark");

#[tokio::test]
async fn whoever_has_a_cookie_says_where_they_come_from() {
    let mut origins = origins().await;
    for path in [SIGN_IN, SIGN_UP, SIGN_OUT, REVOKE, REVOKE_ALL, REVOKE_OTHERS] {
        expect_missing(origins.post(path, &[ANY_COOKIE]).await);
        expect_missing(origins.post(path, &[ANY_COOKIE, ("origin", "null")]).await);
        let cross_site = ("sec-fetch-site", "cross-site");
        expect_missing(origins.post(path, &[ANY_COOKIE, ("origin", "null"), cross_site]).await);
        for (name, value) in origins.foreign() {
            expect_invalid(origins.post(path, &[ANY_COOKIE, (name, &value)]).await);
        }
    }
}

#[tokio::test]
async fn pages_of_ours_may_act() {
    let mut origins = origins().await;
    for (name, value) in origins.trusted() {
        for path in [SIGN_IN, SIGN_UP] {
            expect_judged(origins.post(path, &[ANY_COOKIE, (name, &value)]).await);
        }
        for (path, status) in MAY_ASK {
            origins.post(path, &[ANY_COOKIE, (name, &value)]).await.expect(status);
        }
    }
}

#[tokio::test]
async fn the_origin_counts_and_not_the_referer_beside_it() {
    let mut origins = origins().await;
    let (ours, foreign) = (origins.frontend.clone(), "https://evil.com");
    expect_invalid(
        origins.post(SIGN_OUT, &[ANY_COOKIE, ("origin", foreign), ("referer", &ours)]).await,
    );
    expect_missing(
        origins.post(SIGN_OUT, &[ANY_COOKIE, ("origin", "null"), ("referer", &ours)]).await,
    );
    let headers = [ANY_COOKIE, ("origin", ours.as_str()), ("referer", foreign)];
    origins.post(SIGN_OUT, &headers).await.expect(200);
}

#[tokio::test]
async fn two_origins_are_none() {
    let mut origins = origins().await;
    let ours = origins.frontend.clone();
    for pair in [[ours.as_str(), "https://evil.com"], ["https://evil.com", &ours]] {
        let headers = [ANY_COOKIE, ("origin", pair[0]), ("origin", pair[1])];
        expect_invalid(origins.post(SIGN_OUT, &headers).await);
    }
}

#[tokio::test]
async fn a_page_of_the_same_origin_may_hide_its_name() {
    let mut origins = origins().await;
    let headers = [ANY_COOKIE, ("origin", "null"), ("sec-fetch-site", "same-origin")];
    expect_judged(origins.post(SIGN_IN, &headers).await);
    origins.post(SIGN_OUT, &headers).await.expect(200);
}

#[tokio::test]
async fn programs_that_are_no_browser_may_act_without_a_cookie() {
    let mut origins = origins().await;
    for path in [SIGN_IN, SIGN_UP] {
        expect_judged(origins.post(path, &[]).await);
        expect_judged(origins.post(path, &[("sec-fetch-site", ""), ("sec-fetch-mode", " ")]).await);
    }
    for (path, status) in MAY_ASK {
        origins.post(path, &[]).await.expect(status);
    }
}

#[tokio::test]
async fn signing_in_from_a_browser_needs_a_page_of_ours_even_without_a_cookie() {
    let mut origins = origins().await;
    for path in [SIGN_IN, SIGN_UP] {
        for (name, value) in [
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-site", "same-origin"),
        ] {
            expect_missing(origins.post(path, &[(name, value)]).await);
            for (origin, trusted) in origins.trusted() {
                expect_judged(origins.post(path, &[(name, value), (origin, &trusted)]).await);
            }
        }
        for (origin, foreign) in origins.foreign() {
            expect_invalid(origins.post(path, &[(origin, &foreign)]).await);
            expect_invalid(
                origins.post(path, &[("sec-fetch-mode", "cors"), (origin, &foreign)]).await,
            );
        }
        expect_missing(origins.post(path, &[("origin", "null")]).await);
    }
}

#[tokio::test]
async fn a_form_on_a_foreign_page_signs_nobody_in() {
    let mut origins = origins().await;
    let ours = origins.frontend.clone();
    let navigation = [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
    let message = "Cross-site navigation login blocked. This request appears to be a CSRF attack.";
    for path in [SIGN_IN, SIGN_UP] {
        for origin in ["https://evil.com", ours.as_str()] {
            let headers = [navigation[0], navigation[1], ("origin", origin)];
            let answer = origins.post(path, &headers).await;
            expect_refusal(answer, "CROSS_SITE_NAVIGATION_LOGIN_BLOCKED", message);
        }
    }
}

/// Stricter than the original, which asks for nothing where there is no cookie.
#[tokio::test]
async fn a_foreign_page_may_not_act_without_a_cookie_either() {
    let mut origins = origins().await;
    for (path, _) in MAY_ASK {
        expect_invalid(origins.post(path, &[("origin", "https://evil.com")]).await);
        expect_missing(origins.post(path, &[("sec-fetch-site", "cross-site")]).await);
    }
}

#[tokio::test]
async fn what_a_foreign_page_asks_does_not_happen() {
    let mut user = Browser::new(&shared().await).sign_up().await;
    let mut foreign = user.browser.clone().on_page_of(Some("https://evil.com"));
    let handle = user.browser.session().await["session"]["id"].clone();
    for (path, body) in [
        (SIGN_OUT, json!({})),
        (REVOKE, json!({ "token": handle })),
        (REVOKE_ALL, json!({})),
        (REVOKE_OTHERS, json!({})),
    ] {
        expect_invalid(foreign.post(path, &body).await);
    }
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn reading_asks_for_no_origin() {
    let user = Browser::new(&shared().await).sign_up().await;
    for origin in [None, Some("null"), Some("https://evil.com")] {
        let mut page = user.browser.clone().on_page_of(origin);
        assert!(page.is_signed_in().await);
        page.get("/api/auth/list-sessions").await.expect(200);
    }
}
