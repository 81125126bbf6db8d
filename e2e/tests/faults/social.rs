//! Social providers that are slow, broken, hostile, gone or switched off.

use e2e::{Browser, eventually, fresh_email, fresh_id, github, google, own_stack, with};
use serde_json::{Value, json};
use stack::{Process, Urls};

/// Short, so that a provider that says nothing does not hold the test up.
const IMPATIENT: (&str, &str) = ("OAUTH_TIMEOUT_MS", "700");

async fn counts(urls: &Urls) -> Value {
    let answer = reqwest::get(format!("{}/counts", urls.providers_url)).await.expect("an answer");
    answer.json().await.expect("JSON")
}

/// The value of one metric of identity-svc, by how its line begins.
async fn metric(urls: &Urls, line: &str) -> Option<f64> {
    let admin = &urls.admin[&Process::Identity];
    let answer = reqwest::get(format!("{admin}/metrics")).await.expect("an answer");
    let text = answer.text().await.expect("text");
    let found = text.lines().find(|candidate| candidate.starts_with(line));
    found.and_then(|line| line.rsplit(' ').next()?.parse().ok())
}

#[tokio::test]
async fn whatever_a_provider_answers_nobody_gets_in_by_it() {
    let (stack, _dir) = own_stack(&[IMPATIENT]).await;
    let urls = stack.urls();
    let bait = format!("{}/counts", urls.providers_url);
    let wrongs = [
        (json!({ "status": 500 }), "server_error"),
        (json!({ "status": 503 }), "server_error"),
        (json!("silent"), "timeout"),
        (json!("broken"), "broken"),
        (json!("oversized"), "too_large"),
        (json!({ "redirect": bait }), "redirect"),
        (json!({ "redirect": "http://169.254.169.254/latest/meta-data" }), "redirect"),
        (json!({ "text": "{\"access_token\":" }), "ok"),
        (json!({ "text": "<html>" }), "ok"),
        (json!({ "text": "[]" }), "ok"),
        (json!({ "text": "null" }), "ok"),
        (json!({ "text": "{\"access_token\":1,\"token_type\":true,\"id\":\"x\"}" }), "ok"),
        (json!({ "text": "{\"access_token\":\"\",\"token_type\":\"bearer\",\"id\":-1}" }), "ok"),
        (json!({ "status": 404 }), "refused"),
    ];
    for (path, code) in
        [("token", "invalid_code"), ("user", "unable_to_get_user_info"), ("emails", "")]
    {
        for (wrong, kind) in &wrongs {
            let fine = github(fresh_id(), &fresh_email(), true);
            let wish = with(fine.clone(), "wrong", json!({ path: wrong }));
            let metric_line =
                format!("oauth_requests_total{{provider=\"github\",outcome=\"{kind}\"}}");
            let before = metric(urls, &metric_line).await.unwrap_or_default();
            let mut browser = Browser::new(urls);
            let answer = browser.sign_in_socially("github", &wish).await.expect(302);
            let landed = answer.header("location").expect("a redirect");
            assert!(landed.starts_with("/failed?error="), "{path} {wrong}: {landed}");
            // Without its list of addresses a profile may come to nothing in two ways.
            if !(code.is_empty() || path == "token" && landed.contains("unable_to_get")) {
                assert_eq!(landed, format!("/failed?error={code}"), "{path} {wrong}");
            }
            assert!(!browser.is_signed_in().await, "{path} {wrong}");
            let after = metric(urls, &metric_line).await.unwrap_or_default();
            assert!(after > before, "{path} {wrong} is not counted as {kind}");
            // What is whole is taken, so the breaker stays closed.
            let mut next = Browser::new(urls);
            next.sign_in_socially("github", &fine).await.expect_redirect("/welcome");
        }
    }
    let counts = counts(urls).await;
    assert_eq!(counts.get("counts"), None, "nobody followed a redirect: {counts}");
    let seconds = metric(urls, "oauth_request_seconds_count{provider=\"github\"}").await;
    assert!(seconds.is_some_and(|count| count > 50.0), "{seconds:?}");
}

#[tokio::test]
async fn a_provider_that_does_not_answer_is_left_alone_for_a_while() {
    let (stack, _dir) = own_stack(&[IMPATIENT]).await;
    let urls = stack.urls();
    let fine = github(fresh_id(), &fresh_email(), true);
    let down = with(fine.clone(), "wrong", json!({ "token": { "status": 503 } }));
    for _ in 0..5 {
        let answer = Browser::new(urls).sign_in_socially("github", &down).await;
        answer.expect_social_failure("invalid_code");
    }
    let state = "oauth_breaker_state{provider=\"github\"}";
    assert_eq!(metric(urls, state).await, Some(2.0));
    let asked = counts(urls).await["github/token"].clone();
    let answer = Browser::new(urls).sign_in_socially("github", &fine).await;
    answer.expect_social_failure("invalid_code");
    assert_eq!(counts(urls).await["github/token"], asked, "the provider was asked all the same");
    let line = "oauth_requests_total{provider=\"github\",outcome=\"breaker_open\"}";
    assert!(metric(urls, line).await.is_some());

    // The others are not affected, and this one is tried again.
    let other = e2e::discord(fresh_id(), &fresh_email(), true);
    Browser::new(urls).sign_in_socially("discord", &other).await.expect_redirect("/welcome");
    let back = eventually(|| async {
        let answer = Browser::new(urls).sign_in_socially("github", &fine).await;
        (answer.header("location") != Some("/failed?error=invalid_code")).then_some(answer)
    });
    back.await.expect("it is tried again").expect_redirect("/welcome");
    assert_eq!(metric(urls, state).await, Some(0.0));
}

/// Wrong codes must not cut the line for everybody.
#[tokio::test]
async fn wrong_codes_do_not_open_the_breaker() {
    let (stack, _dir) = own_stack(&[IMPATIENT]).await;
    let urls = stack.urls();
    let fine = || github(fresh_id(), &fresh_email(), true);
    for _ in 0..12 {
        let wish = with(fine(), "back", json!({ "code": "nonsense" }));
        let answer = Browser::new(urls).sign_in_socially("github", &wish).await;
        answer.expect_social_failure("invalid_code");
    }
    Browser::new(urls).sign_in_socially("github", &fine()).await.expect_redirect("/welcome");
}

/// OA10, and the switches of the operator.
#[tokio::test]
async fn what_the_operator_switched_off_is_off_on_the_way_back_too() {
    let (stack, _dir) = own_stack(&[
        IMPATIENT,
        ("DISCORD_CLIENT_ID", ""),
        ("DISCORD_CLIENT_SECRET", ""),
        ("OAUTH_DISABLE_SIGN_UP", "google"),
        ("OAUTH_DISABLE_IMPLICIT_SIGN_UP", "github"),
    ])
    .await;
    let urls = stack.urls();
    let begin = json!({ "provider": "discord" });
    Browser::new(urls).begin_social(&begin).await.expect_code(404, "PROVIDER_NOT_FOUND");

    // A flow that began while Discord was still there.
    let mut browser = Browser::new(urls);
    let body =
        json!({ "provider": "github", "callbackURL": "/dash", "errorCallbackURL": "/failed" });
    let wish = github(fresh_id(), &fresh_email(), true);
    let back = browser.to_provider_and_back(&body, &wish).await;
    let db = e2e::Stores::open(urls).await.db;
    let began =
        sqlx::query("UPDATE identity.social_flow SET flow = flow || '{\"provider\":\"discord\"}'");
    began.execute(&db).await.expect("it began with Discord");
    let back = back.replace("callback/github", "callback/discord");
    browser.get(&back).await.expect_social_failure("oauth_provider_not_found");

    let mut browser = Browser::new(urls);
    let stranger = google(fresh_id(), &fresh_email(), true);
    browser.sign_in_socially("google", &stranger).await.expect_social_failure("signup_disabled");
    browser.sign_in_socially("github", &wish).await.expect_social_failure("signup_disabled");
    let asked = json!({ "provider": "github", "callbackURL": "/dash", "requestSignUp": true });
    let back = browser.to_provider_and_back(&asked, &wish).await;
    browser.get(&back).await.expect_redirect("/dash");
    // Who is known comes in without asking.
    Browser::new(urls).sign_in_socially("github", &wish).await.expect_redirect("/dash");
}

#[tokio::test]
async fn a_provider_is_a_second_factor_where_the_operator_says_so() {
    let (stack, _dir) = own_stack(&[("OAUTH_TRUSTED_AS_SECOND_FACTOR", "google")]).await;
    let urls = stack.urls();
    let stores = e2e::Stores::open(urls).await;
    let mut user = Browser::new(urls).sign_up().await;
    let proved = sqlx::query("UPDATE identity.user SET email_verified = true WHERE id = $1");
    proved.bind(&user.id).execute(&stores.db).await.expect("proved");
    user.enrols(&stores).await;
    let wish = google(fresh_id(), &user.email, true);
    let mut browser = Browser::new(urls);
    browser.sign_in_socially("google", &wish).await.expect_redirect("/dash");
    assert!(browser.is_signed_in().await);
    let mut browser = Browser::new(urls);
    let wish = github(fresh_id(), &user.email, true);
    let answer = browser.sign_in_socially("github", &wish).await.expect(302);
    assert!(answer.header("location").is_some_and(|target| target.contains("twoFactorRedirect")));
    assert!(!browser.is_signed_in().await);
}

/// Discovery is asked for at the start of a sign-in.
#[tokio::test]
async fn an_issuer_that_is_away_is_an_outage_and_nothing_else() {
    let (stack, _dir) = own_stack(&[IMPATIENT]).await;
    let urls = stack.urls();
    stack.kill(Process::Providers).await;
    let body = json!({ "provider": "google", "callbackURL": "/dash" });
    let answer = Browser::new(urls).begin_social(&body).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    stack.launch(Process::Providers).await;
    stack.wait_ready().await.expect("ready again");
    let wish = google(fresh_id(), &fresh_email(), true);
    let back = eventually(|| async {
        let mut browser = Browser::new(urls);
        let answer = browser.begin_social(&body).await;
        (answer.status == 200).then_some(browser)
    });
    back.await.expect("it comes back");
    Browser::new(urls).sign_in_socially("google", &wish).await.expect_redirect("/welcome");
}

/// Anybody can write a token that names a key nobody has.
#[tokio::test]
async fn made_up_keys_do_not_make_us_ask_for_keys_again_and_again() {
    let (stack, _dir) = own_stack(&[]).await;
    let urls = stack.urls();
    let wish = with(google(fresh_id(), &fresh_email(), true), "signing", json!("foreign"));
    let sign = format!("{}/google/sign", urls.providers_url);
    let signed = reqwest::Client::new().post(sign).json(&wish).send().await.expect("an answer");
    let token = signed.text().await.expect("text");
    let body = json!({ "provider": "google", "idToken": { "token": token } });
    for _ in 0..30 {
        Browser::new(urls).begin_social(&body).await.expect_code(401, "INVALID_TOKEN");
    }
    let asked = counts(urls).await["google/certs"].as_u64().expect("some");
    // Once at first, and then as often as the time it took allows for.
    assert!((1..=4).contains(&asked), "{asked}");
}
