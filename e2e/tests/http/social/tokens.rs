//! What providers give us for a user: sealed at rest, given to the user alone, kept good

use e2e::{Browser, discord, fresh_email, fresh_id, github, google, with};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{accounts_of, stores, stranger};

const GET: &str = "/api/auth/get-access-token";
const REFRESH: &str = "/api/auth/refresh-token";

/// Somebody who has come by this provider, and their account's id.
async fn signed_in(provider: &str, wish: &Value) -> (Browser, String) {
    let mut browser = stranger().await;
    browser.sign_in_socially(provider, wish).await.expect_redirect("/welcome");
    let id = accounts_of(&mut browser).await[0]["id"].as_str().expect("text").to_owned();
    (browser, id)
}

/// A token that is about to expire, and can be renewed.
fn short_lived(wish: Value) -> Value {
    with(wish, "token", json!({ "expires_in": 1, "refresh_token": "x" }))
}

#[tokio::test]
async fn tokens_are_given_to_their_user_and_nobody_else() {
    let (mut browser, id) = signed_in("github", &github(fresh_id(), &fresh_email(), true)).await;
    let given = browser.post(GET, &json!({ "accountId": id })).await.expect(200).json();
    assert_eq!(e2e::keys(&given), ["accessToken", "scopes"]);
    assert_eq!(given["scopes"], json!(["read:user", "user:email"]));
    let token = e2e::text(&given["accessToken"]).to_owned();

    let mut other = stranger().await.sign_up().await;
    other
        .browser
        .post(GET, &json!({ "accountId": id }))
        .await
        .expect_code(400, "ACCOUNT_NOT_FOUND");
    stranger().await.post(GET, &json!({ "accountId": id })).await.expect_empty(401);
    for path in ["/api/auth/get-session", "/api/auth/list-accounts", "/api/auth/list-sessions"] {
        let answer = browser.get(path).await.expect(200);
        assert!(!answer.body.contains(&token) && !answer.body.contains("oken\":\"ey"), "{path}");
    }
}

#[tokio::test]
async fn who_acts_as_somebody_else_gets_none_of_their_tokens() {
    let (mut browser, id) = signed_in("github", &github(fresh_id(), &fresh_email(), true)).await;
    let user = super::user_of(&mut browser).await["id"].clone();
    let mut admin = e2e::admin(&e2e::shared().await).await.browser;
    admin.post("/api/auth/admin/impersonate-user", &json!({ "userId": user })).await.expect(200);
    for path in [GET, REFRESH] {
        let answer = admin.post(path, &json!({ "accountId": id })).await;
        answer.expect_code(403, "NOT_ALLOWED_WHILE_IMPERSONATING");
    }
    let answer = admin.get(&format!("/api/auth/account-info?accountId={id}")).await;
    answer.expect_code(403, "NOT_ALLOWED_WHILE_IMPERSONATING");
}

/// OA14
#[tokio::test]
async fn tokens_rest_sealed() {
    let wish = short_lived(discord(fresh_id(), &fresh_email(), true));
    let (mut browser, id) = signed_in("discord", &wish).await;
    let given = browser.post(REFRESH, &json!({ "accountId": id })).await.expect(200).json();
    let row: (String, Vec<u8>) =
        sqlx::query_as("SELECT to_jsonb(a)::text, tokens FROM identity.account a WHERE id = $1")
            .bind(&id)
            .fetch_one(&stores().await.db)
            .await
            .expect("a row");
    let stored = format!("{}{}", row.0, String::from_utf8_lossy(&row.1));
    for token in ["accessToken", "refreshToken"] {
        let token = e2e::text(&given[token]);
        assert!(!stored.contains(token) && !stored.contains(&token[..16]), "{stored}");
    }
    // A row that is put in the place of another opens nothing.
    let (mut thief, own) = signed_in("discord", &discord(fresh_id(), &fresh_email(), true)).await;
    sqlx::query(
        "UPDATE identity.account SET (tokens, tokens_key_id) = \
           (SELECT tokens, tokens_key_id FROM identity.account WHERE id = $1) WHERE id = $2",
    )
    .bind(&id)
    .bind(&own)
    .execute(&stores().await.db)
    .await
    .expect("copied");
    let answer = thief.post(GET, &json!({ "accountId": own })).await;
    answer.expect_code(400, "FAILED_TO_GET_ACCESS_TOKEN");
}

#[tokio::test]
async fn a_token_is_renewed_before_it_is_given_out() {
    let wish = short_lived(github(fresh_id(), &fresh_email(), true));
    let (mut browser, id) = signed_in("github", &wish).await;
    let body = json!({ "accountId": id });
    let first = browser.post(GET, &body).await.expect(200).json();
    let second = browser.post(GET, &body).await.expect(200).json();
    assert_ne!(first["accessToken"], second["accessToken"]);
    assert!(
        e2e::instant(&second["accessTokenExpiresAt"])
            > e2e::instant(&first["accessTokenExpiresAt"])
    );
}

#[tokio::test]
async fn refreshing_gives_all_there_is() {
    let (mut browser, id) = signed_in("google", &google(fresh_id(), &fresh_email(), true)).await;
    let body = json!({ "accountId": id });
    let one = browser.post(REFRESH, &body).await.expect(200).json();
    let keys = [
        "accessToken",
        "accessTokenExpiresAt",
        "accountId",
        "idToken",
        "providerId",
        "refreshToken",
        "refreshTokenExpiresAt",
        "scope",
    ];
    assert_eq!(e2e::keys(&one), keys);
    assert_eq!((&one["providerId"], &one["accountId"]), (&json!("google"), &json!(id)));
    assert_eq!(one["scope"], "email,profile,openid");
    let other = browser.post(REFRESH, &body).await.expect(200).json();
    assert_ne!(one["accessToken"], other["accessToken"]);

    let (mut browser, id) = signed_in("github", &github(fresh_id(), &fresh_email(), true)).await;
    let answer = browser.post(REFRESH, &json!({ "accountId": id })).await;
    answer.expect_code(400, "REFRESH_TOKEN_NOT_FOUND");
}

/// A refresh token is good once; whoever is second finds what the first was given.
#[tokio::test]
async fn of_many_who_refresh_at_once_all_get_a_good_token() {
    let wish = short_lived(discord(fresh_id(), &fresh_email(), true));
    let (browser, id) = signed_in("discord", &wish).await;
    let asked = (0..8).map(|_| {
        let (mut browser, body) = (browser.clone(), json!({ "accountId": id }));
        async move { browser.post(GET, &body).await }
    });
    for answer in join_all(asked).await {
        // Who asks while another's answer is on its way may be told to ask again.
        assert!(matches!(answer.status, 200 | 400), "{answer:?}");
    }
    browser.clone().post(GET, &json!({ "accountId": id })).await.expect(200);
}

#[tokio::test]
async fn a_provider_says_who_the_account_is_of() {
    for (provider, wish) in [
        ("github", github(fresh_id(), &fresh_email(), true)),
        ("discord", discord(fresh_id(), &fresh_email(), true)),
        ("google", google(fresh_id(), &fresh_email(), true)),
    ] {
        let (mut browser, id) = signed_in(provider, &wish).await;
        let path = format!("/api/auth/account-info?accountId={id}");
        let info = browser.get(&path).await.expect(200).json();
        assert_eq!(e2e::keys(&info), ["account", "data", "user"]);
        let account = accounts_of(&mut browser).await[0].clone();
        let expected = json!({
            "id": id, "providerId": provider, "accountId": account["accountId"],
        });
        assert_eq!(info["account"], expected);
        assert_eq!(e2e::keys(&info["user"]), ["email", "emailVerified", "id", "image", "name"]);
        assert_eq!(info["user"]["emailVerified"], true);
        assert!(info["data"].is_object());
        browser.get("/api/auth/account-info?accountId=x%00").await.expect(400);
    }
}
