//! Sign-in with GitHub

use std::collections::BTreeMap;

use e2e::{
    Browser, expect_session_cookie, expect_user, fresh_email, fresh_id, github, shared, with,
};
use serde_json::json;
use url::Url;

use super::{accounts_of, plain, stranger, user_of};

#[tokio::test]
async fn a_browser_is_sent_to_the_provider_with_all_that_protects_the_flow() {
    let mut browser = stranger().await;
    let answer = browser.begin_social(&plain("github")).await.expect(200);
    let body = answer.json();
    assert_eq!(e2e::keys(&body), ["redirect", "url"]);
    assert_eq!(body["redirect"], true);
    assert_eq!(answer.header("location"), body["url"].as_str());
    assert_eq!(answer.header("cache-control"), Some("no-store"));

    let url = Url::parse(e2e::text(&body["url"])).expect("an address");
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    let gateway = &shared().await.gateway_url;
    assert_eq!(query["response_type"], "code");
    assert_eq!(query["client_id"], "stellar-github");
    assert_eq!(query["scope"], "read:user user:email");
    assert_eq!(query["redirect_uri"], format!("{gateway}/api/auth/callback/github"));
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["code_challenge"].len(), 43);

    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 1, "{cookies:?}");
    assert!(cookies[0].starts_with("better-auth.state="), "{cookies:?}");
    assert!(cookies[0].ends_with("; Max-Age=300; Path=/; HttpOnly; SameSite=Lax"), "{cookies:?}");
    assert_eq!(query["state"].len(), 32);
    assert!(cookies[0].contains(&query["state"]), "{cookies:?}");
}

#[tokio::test]
async fn the_page_may_ask_for_more_and_go_there_itself() {
    let mut browser = stranger().await;
    let body = json!({
        "provider": "github", "disableRedirect": true, "scopes": ["repo"], "loginHint": "octocat",
        "additionalParams": { "allow_signup": "false" }, "additionalData": { "plan": "pro" },
    });
    let answer = browser.begin_social(&body).await.expect(200);
    assert_eq!(answer.json()["redirect"], false);
    assert_eq!(answer.header("location"), None);
    let url = Url::parse(e2e::text(&answer.json()["url"])).expect("an address");
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["scope"], "read:user user:email repo");
    assert_eq!((query["login"].as_str(), query["allow_signup"].as_str()), ("octocat", "false"));

    for name in ["state", "redirect_uri", "code_challenge", "scope", "nonce"] {
        let body = json!({ "provider": "github", "additionalParams": { name: "x" } });
        let refused = browser.begin_social(&body).await.expect_code(400, "VALIDATION_ERROR");
        let expected = format!("additionalParams cannot include reserved OAuth parameters: {name}");
        assert!(e2e::text(&refused.json()["message"]).contains(&expected), "{refused:?}");
    }
    for body in
        [json!({}), json!({ "provider": 1 }), json!({ "provider": "github", "scopes": "x" })]
    {
        browser.begin_social(&body).await.expect_code(400, "VALIDATION_ERROR");
    }
    for provider in ["gitlab", "", "GitHub", "credential", "__proto__"] {
        browser.begin_social(&plain(provider)).await.expect_code(404, "PROVIDER_NOT_FOUND");
    }
}

#[tokio::test]
async fn the_first_sign_in_makes_a_user_and_the_next_finds_them() {
    let (id, email) = (fresh_id(), fresh_email());
    let wish = github(id, &email.to_uppercase(), true);
    let mut browser = stranger().await;
    let answer = browser.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
    assert_eq!(cookies[0], "better-auth.state=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));

    let session = browser.session().await;
    expect_session_cookie(&cookies[1], e2e::text(&session["session"]["token"]), Some(604_800));
    let user = &session["user"];
    expect_user(user);
    assert_eq!(user["email"], email);
    assert_eq!((&user["emailVerified"], &user["name"]), (&json!(true), &json!("Octo Cat")));
    assert_eq!(user["image"], "https://github.com/images/error/octocat_happy.gif");

    let accounts = accounts_of(&mut browser).await;
    assert_eq!(accounts.len(), 1);
    assert_eq!(accounts[0]["providerId"], "github");
    assert_eq!(accounts[0]["accountId"], id.to_string());
    assert_eq!(accounts[0]["scopes"], json!(["read:user", "user:email"]));

    // The identity counts, not the address: that may be another one by now.
    let moved = github(id, &fresh_email(), true);
    let mut elsewhere = stranger().await;
    elsewhere.sign_in_socially("github", &moved).await.expect_redirect("/dash");
    let again = user_of(&mut elsewhere).await;
    assert_eq!((&again["id"], &again["email"]), (&user["id"], &json!(email)));
}

#[tokio::test]
async fn an_address_counts_as_proved_when_it_is_primary_and_verified() {
    let entry = |email: &str, primary, verified| json!({ "email": email, "primary": primary, "verified": verified, "visibility": null });
    for (verified, expected) in [
        (json!(true), true),
        (json!(false), false),
        (json!("true"), false),
        (json!(1), false),
        (json!(null), false),
    ] {
        let (own, other) = (fresh_email(), fresh_email());
        let emails = json!([entry(&other, false, json!(true)), entry(&own, true, verified)]);
        let mut browser = stranger().await;
        let wish = with(github(fresh_id(), &own, true), "emails", emails.clone());
        browser.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
        let user = user_of(&mut browser).await;
        assert_eq!(
            (&user["email"], &user["emailVerified"]),
            (&json!(own), &json!(expected)),
            "{emails}"
        );
    }
}

#[tokio::test]
async fn without_an_address_that_can_be_used_there_is_no_user() {
    let profile = |emails| with(github(fresh_id(), "x", true), "emails", emails);
    let entry = |email: &str| json!([{ "email": email, "primary": true, "verified": true }]);
    let odd = fresh_email();
    for emails in [
        json!([]),
        json!([{ "email": fresh_email(), "primary": false, "verified": true }]),
        entry(&format!("x@{odd}")),
        entry(&odd.replace('@', "＠")),
        entry(&format!("{odd}.")),
        entry(&format!("{odd}\0")),
    ] {
        let mut browser = stranger().await;
        let wish = profile(emails);
        browser.sign_in_socially("github", &wish).await.expect_social_failure("email_not_found");
        assert!(!browser.is_signed_in().await, "{wish}");
    }
}

#[tokio::test]
async fn a_profile_gives_a_name_an_address_and_a_picture_and_nothing_else() {
    let id = fresh_id();
    let mut wish = github(id, &fresh_email(), true);
    for (name, value) in [
        ("role", json!("admin")),
        ("isAdmin", json!(true)),
        ("banned", json!(true)),
        ("banReason", json!("x")),
        ("twoFactorEnabled", json!(true)),
        ("createdAt", json!("1999-01-01T00:00:00.000Z")),
        ("avatar_url", json!("javascript:alert(1)")),
        ("__proto__", json!({ "role": "admin" })),
    ] {
        wish["person"][name] = value;
    }
    let mut browser = stranger().await;
    browser.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    let user = user_of(&mut browser).await;
    assert_eq!((&user["role"], &user["banned"]), (&json!("user"), &json!(false)));
    assert_eq!((&user["banReason"], &user["twoFactorEnabled"]), (&json!(null), &json!(false)));
    assert_eq!(user["image"], json!(null));
    assert_ne!(user["id"], json!(id.to_string()));
}

#[tokio::test]
async fn somebody_who_is_nobody_does_not_get_in() {
    for id in [json!(null), json!(0), json!("undefined"), json!(""), json!([]), json!(1.5)] {
        let mut wish = github(1, &fresh_email(), true);
        wish["person"]["id"] = id;
        let mut browser = stranger().await;
        let answer = browser.sign_in_socially("github", &wish).await;
        answer.expect_social_failure("unable_to_get_user_info");
        assert!(!browser.is_signed_in().await, "{wish}");
    }
}

#[tokio::test]
async fn who_says_no_at_the_provider_is_told_so() {
    let mut browser = stranger().await;
    let wish = json!({ "denied": true });
    let answer = browser.sign_in_socially("github", &wish).await.expect_redirect(
        "/failed?error=access_denied&error_description=The%20resource%20owner%20denied%20the%20request",
    );
    assert_eq!(answer.set_cookies().len(), 1, "only the state goes");
    assert!(!browser.is_signed_in().await);

    // Without a page of its own it is our error page.
    let begun = json!({ "provider": "github" });
    let back = browser.to_provider_and_back(&begun, &wish).await;
    let answer = browser.get(&back).await.expect(302);
    let page = format!("{}/api/auth/error?error=access_denied", shared().await.gateway_url);
    assert!(
        answer.header("location").is_some_and(|target| target.starts_with(&page)),
        "{answer:?}"
    );
}

#[tokio::test]
async fn who_asked_not_to_be_remembered_is_not() {
    let mut browser: Browser = stranger().await.sign_up().await.browser;
    let email = user_of(&mut browser).await["email"].as_str().expect("text").to_owned();
    browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    let body = json!({ "email": email, "password": e2e::PASSWORD, "rememberMe": false });
    browser.post("/api/auth/sign-in/email", &body).await.expect(200);
    let wish = github(fresh_id(), &fresh_email(), true);
    let answer = browser.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    let session = browser.session().await;
    let token = e2e::text(&session["session"]["token"]);
    expect_session_cookie(&answer.set_cookies()[1], token, None);
    let life =
        e2e::seconds_between(&session["session"]["createdAt"], &session["session"]["expiresAt"]);
    assert_eq!(life, 86_400);
}
