//! The state: one use, ten minutes, one browser, one provider

use std::collections::BTreeMap;

use e2e::{Browser, at_provider, fresh_email, fresh_id, github, shared};
use serde_json::json;
use sha2::{Digest, Sha256};
use url::Url;

use super::{plain, stores, stranger};

fn query_of(address: &str) -> BTreeMap<String, String> {
    let url = Url::parse("http://x").and_then(|base| base.join(address)).expect("an address");
    url.query_pairs().into_owned().collect()
}

/// A browser that has been at GitHub, and the path that leads it back.
async fn about_to_come_back() -> (Browser, String) {
    let mut browser = stranger().await;
    let wish = github(fresh_id(), &fresh_email(), true);
    let back = browser.to_provider_and_back(&plain("github"), &wish).await;
    (browser, back)
}

async fn own_error_page(code: &str) -> String {
    format!("{}/api/auth/error?error={code}", shared().await.gateway_url)
}

#[tokio::test]
async fn without_a_state_there_is_no_flow() {
    let mut browser = stranger().await;
    for query in ["", "?code=x", "?state=", "?error=access_denied"] {
        let answer = browser.get(&format!("/api/auth/callback/github{query}")).await;
        answer.expect_redirect(&own_error_page("state_not_found").await);
    }
    for state in
        ["x", "_abcdefghijklmnopqrstuvwxyz01234", "2fa-abcdefghijklmnopqrst", "%F0%9F%92%A9"]
    {
        let answer = browser.get(&format!("/api/auth/callback/github?code=x&state={state}")).await;
        answer.expect_redirect(&own_error_page("state_mismatch").await);
    }
}

#[tokio::test]
async fn a_state_is_good_once() {
    let (mut browser, back) = about_to_come_back().await;
    let before = browser.clone();
    browser.get(&back).await.expect_redirect("/dash");
    assert!(browser.is_signed_in().await);
    let mut again = before;
    again.get(&back).await.expect_redirect(&own_error_page("state_mismatch").await);
    assert!(!again.is_signed_in().await);
}

#[tokio::test]
async fn another_browser_comes_to_nothing_and_takes_nothing_away() {
    let (mut browser, back) = about_to_come_back().await;
    let mut without = stranger().await;
    without.get(&back).await.expect_social_failure("state_mismatch");
    let (mut with_another, _) = about_to_come_back().await;
    with_another.get(&back).await.expect_social_failure("state_mismatch");
    let mut with_forged = stranger().await;
    let forged = format!("{}.{}", query_of(&back)["state"], "A".repeat(43) + "%3D");
    with_forged.cookies.insert("better-auth.state".into(), forged);
    with_forged.get(&back).await.expect_social_failure("state_mismatch");
    for mut other in [without, with_another, with_forged] {
        assert!(!other.is_signed_in().await);
    }
    browser.get(&back).await.expect_redirect("/dash");
}

/// No cookie of another kind passes for a state, and a state passes for none.
#[tokio::test]
async fn a_state_is_no_other_cookie() {
    let user = stranger().await.sign_up().await;
    let mut browser = user.browser.clone();
    let session = browser.session_cookie().to_owned();
    browser.cookies.insert("better-auth.state".into(), session);
    let path = format!("/api/auth/callback/github?code=x&state={}", user.token);
    browser.get(&path).await.expect_redirect(&own_error_page("state_mismatch").await);

    let (mut browser, _) = about_to_come_back().await;
    let state = browser.cookies["better-auth.state"].clone();
    for name in ["session_token", "two_factor", "trust_device", "admin_session"] {
        browser.cookies.insert(format!("better-auth.{name}"), state.clone());
    }
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn after_ten_minutes_it_is_too_late() {
    let (mut browser, back) = about_to_come_back().await;
    let digest: [u8; 32] = Sha256::digest(&query_of(&back)["state"]).into();
    let age = |secs: f64| {
        sqlx::query("UPDATE identity.social_flow SET expires_at = expires_at - make_interval(secs => $2) WHERE state_digest = $1")
            .bind(digest)
            .bind(secs)
    };
    let stores = stores().await;
    let aged = age(601.0).execute(&stores.db).await.expect("time passes");
    assert_eq!(aged.rows_affected(), 1);
    browser.get(&back).await.expect_redirect(&own_error_page("state_mismatch").await);
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn the_newest_flow_of_a_browser_counts() {
    let (mut browser, first) = about_to_come_back().await;
    let wish = github(fresh_id(), &fresh_email(), true);
    let second = browser.to_provider_and_back(&plain("github"), &wish).await;
    browser.get(&first).await.expect_social_failure("state_mismatch");
    browser.get(&second).await.expect_redirect("/dash");
}

/// A code of one provider must not be taken to another (mix-up).
#[tokio::test]
async fn a_flow_ends_where_it_began() {
    for (provider, other) in [("github", "discord"), ("github", "google"), ("discord", "github")] {
        let mut browser = stranger().await;
        let wish = match provider {
            "github" => github(fresh_id(), &fresh_email(), true),
            _ => e2e::discord(fresh_id(), &fresh_email(), true),
        };
        let back = browser.to_provider_and_back(&plain(provider), &wish).await;
        let elsewhere = back.replace(&format!("callback/{provider}"), &format!("callback/{other}"));
        browser.get(&elsewhere).await.expect_social_failure("state_mismatch");
        assert!(!browser.is_signed_in().await);
        // It is spent: what went wrong once is not tried again.
        browser.get(&back).await.expect_redirect(&own_error_page("state_mismatch").await);
    }
    let (mut browser, back) = about_to_come_back().await;
    let nowhere = back.replace("callback/github", "callback/gitlab");
    browser.get(&nowhere).await.expect_social_failure("oauth_provider_not_found");
    let (mut browser, back) = about_to_come_back().await;
    let without_code = format!("/api/auth/callback/github?state={}", query_of(&back)["state"]);
    browser.get(&without_code).await.expect_social_failure("no_code");
}

/// PKCE: the provider takes a code only with the verifier of the flow it was given in, so a
/// code that was injected into another flow is worth nothing.
#[tokio::test]
async fn a_code_of_another_flow_is_worth_nothing() {
    let (_, stolen) = about_to_come_back().await;
    let (mut browser, own) = about_to_come_back().await;
    let (code, state) = (&query_of(&stolen)["code"], &query_of(&own)["state"]);
    let injected = format!("/api/auth/callback/github?code={code}&state={state}");
    browser.get(&injected).await.expect_social_failure("invalid_code");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn what_is_given_twice_or_is_too_long_is_refused() {
    let (mut browser, back) = about_to_come_back().await;
    for odd in [
        format!("{back}&state=x"),
        format!("{back}&code=x"),
        format!("{back}&iss=a&iss=b"),
        format!("{back}&error={}", "x".repeat(4097)),
    ] {
        browser.clone().get(&odd).await.expect_code(400, "VALIDATION_ERROR");
    }
    browser.get(&back).await.expect_redirect("/dash");
}

#[tokio::test]
async fn what_is_kept_of_a_flow_does_not_complete_it() {
    let mut browser = stranger().await;
    let begun = browser.begin_social(&plain("google")).await.expect(200).json();
    let query = query_of(e2e::text(&begun["url"]));
    let state = &query["state"];
    let digest: [u8; 32] = Sha256::digest(state).into();
    let row: (String, Vec<u8>) = sqlx::query_as(
        "SELECT to_jsonb(f)::text, secrets FROM identity.social_flow f WHERE state_digest = $1",
    )
    .bind(digest)
    .fetch_one(&stores().await.db)
    .await
    .expect("a row");
    let kept = format!("{}{}", row.0, String::from_utf8_lossy(&row.1));
    for secret in [state, &query["nonce"], "code_verifier"] {
        assert!(!kept.contains(secret), "{kept}");
    }
    let back = at_provider(e2e::text(&begun["url"]), &json!({ "denied": true })).await;
    browser.get(&back).await.expect(302);
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM identity.social_flow WHERE state_digest = $1")
            .bind(digest)
            .fetch_one(&stores().await.db)
            .await
            .expect("a count");
    assert_eq!(left, 0);
}
