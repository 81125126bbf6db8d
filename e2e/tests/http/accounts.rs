//! A user's ways in: `list-accounts`, `unlink-account`, and what providers gave us

use std::time::Duration;

use e2e::{Answer, Browser, Stores, User, expect_id, instant, keys, shared, text};
use futures_util::future::join_all;
use serde_json::{Value, json};

async fn new_user() -> User {
    Browser::new(&shared().await).sign_up().await
}

/// Links an account of a provider that is not configured here.
async fn link(user: &User, id: &str) {
    let linked = sqlx::query(
        "INSERT INTO identity.account (id, user_id, provider_id, account_id, created_at, updated_at) \
         VALUES ($1, $2, 'gitlab', $1, now(), now())",
    )
    .bind(id)
    .bind(&user.id);
    linked.execute(&Stores::open(&shared().await).await.db).await.expect("the account is linked");
}

async fn accounts(browser: &mut Browser) -> Vec<Value> {
    let accounts = browser.get("/api/auth/list-accounts").await.expect(200).json();
    accounts.as_array().expect("a list").clone()
}

async fn unlink(browser: &mut Browser, id: &str) -> Answer {
    browser.post("/api/auth/unlink-account", &json!({ "accountId": id })).await
}

#[tokio::test]
async fn a_users_accounts_are_listed_without_their_secrets() {
    let mut user = new_user().await;
    let listed = accounts(&mut user.browser).await;
    assert_eq!(listed.len(), 1);
    let account = &listed[0];
    assert_eq!(
        keys(account),
        ["accountId", "createdAt", "id", "providerId", "scopes", "updatedAt", "userId"]
    );
    expect_id(&account["id"]);
    assert_eq!(account["providerId"], "credential");
    assert_eq!(account["accountId"], user.id);
    assert_eq!(account["userId"], user.id);
    assert_eq!(account["scopes"], json!([]));
    assert!(instant(&account["createdAt"]) <= instant(&account["updatedAt"]));
    Browser::new(&shared().await)
        .get("/api/auth/list-accounts")
        .await
        .expect_code(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn the_last_way_in_stays() {
    let mut user = new_user().await;
    let own = text(&accounts(&mut user.browser).await[0]["id"]).to_owned();
    for id in [own.as_str(), "nonsense"] {
        unlink(&mut user.browser, id).await.expect_code(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    }
    let linked = format!("gitlab-{}", user.id);
    link(&user, &linked).await;
    unlink(&mut user.browser, "nonsense").await.expect_code(400, "ACCOUNT_NOT_FOUND");
    // The provider is not configured, so nobody signs in with its account.
    unlink(&mut user.browser, &own).await.expect_code(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    let answer = unlink(&mut user.browser, &linked).await.expect(200);
    assert_eq!(answer.json(), json!({ "status": true }));
    assert_eq!(accounts(&mut user.browser).await.len(), 1);
}

#[tokio::test]
async fn of_many_who_unlink_at_once_none_takes_the_last_way_in() {
    let mut user = new_user().await;
    let linked: Vec<String> = (0..5).map(|number| format!("gitlab-{number}-{}", user.id)).collect();
    for id in &linked {
        link(&user, id).await;
    }
    let own = text(&accounts(&mut user.browser).await[0]["id"]).to_owned();
    let all = linked.iter().chain([&own]).cycle().take(24);
    let attempts = all.map(|id| {
        let mut browser = user.browser.clone();
        async move { unlink(&mut browser, id).await }
    });
    let answers = join_all(attempts).await;
    let unlinked = answers.iter().filter(|answer| answer.status == 200).count();
    let left = accounts(&mut user.browser).await;
    assert!(unlinked >= 1 && unlinked + left.len() == linked.len() + 1, "{answers:?}");
    assert!(left.iter().any(|account| account["id"] == own), "the last way in is gone");
}

#[tokio::test]
async fn another_users_account_is_out_of_reach() {
    let (mut user, owner) = (new_user().await, new_user().await);
    let (own, theirs) = (format!("gitlab-{}", user.id), format!("gitlab-{}", owner.id));
    link(&user, &own).await;
    link(&owner, &theirs).await;
    unlink(&mut user.browser, &theirs).await.expect_code(400, "ACCOUNT_NOT_FOUND");
    assert_eq!(accounts(&mut owner.browser.clone()).await.len(), 2);
}

#[tokio::test]
async fn an_old_session_unlinks_nothing() {
    let mut user = new_user().await;
    let mut stores = Stores::open(&shared().await).await;
    stores.age_session(&user.token, Duration::from_hours(24)).await;
    unlink(&mut user.browser, "any").await.expect_code(403, "SESSION_NOT_FRESH");
    unlink(&mut Browser::new(&shared().await), "any").await.expect_code(401, "UNAUTHORIZED");
}

#[tokio::test]
async fn a_provider_that_is_not_configured_gives_nothing() {
    let mut user = new_user().await;
    let linked = format!("gitlab-{}", user.id);
    link(&user, &linked).await;
    let own = text(&accounts(&mut user.browser).await[0]["id"]).to_owned();
    for path in ["/api/auth/get-access-token", "/api/auth/refresh-token"] {
        for (id, provider) in [(&linked, "gitlab"), (&own, "credential")] {
            let answer = user.browser.post(path, &json!({ "accountId": id, "userId": "x" })).await;
            let answer = answer.expect_code(400, "PROVIDER_NOT_SUPPORTED");
            assert_eq!(answer.json()["message"], format!("Provider {provider} is not supported."));
        }
        for body in [json!({ "accountId": "x" }), json!({ "useAccountCookie": true })] {
            user.browser.post(path, &body).await.expect_code(400, "ACCOUNT_NOT_FOUND");
        }
    }
    let path = format!("/api/auth/account-info?accountId={linked}");
    user.browser.get(&path).await.expect_code(400, "PROVIDER_NOT_CONFIGURED");
    let unknown = "/api/auth/account-info?accountId=x";
    user.browser.get(unknown).await.expect_code(400, "ACCOUNT_NOT_FOUND");
    let answer = Browser::new(&shared().await).get(unknown).await.expect_empty(401);
    assert_eq!(answer.header("content-type"), Some("application/json"));
}

#[tokio::test]
async fn unknown_fields_are_refused_where_the_protocol_is_strict() {
    let mut user = new_user().await;
    for path in ["/api/auth/get-access-token", "/api/auth/refresh-token"] {
        for body in [
            json!({}),
            json!({ "providerId": "github" }),
            json!({ "accountId": "x", "providerId": "github" }),
            json!({ "accountId": 1 }),
            json!({ "accountId": "x", "useAccountCookie": true }),
            json!({ "useAccountCookie": false }),
            json!({ "accountId": "x", "userId": 1 }),
        ] {
            let answer = user.browser.post(path, &body).await.expect_code(400, "VALIDATION_ERROR");
            assert_eq!(answer.json()["message"], "[body] Invalid input", "{body}");
        }
        Browser::new(&shared().await)
            .post(path, &json!({ "accountId": "x" }))
            .await
            .expect_empty(401);
    }
    for query in ["", "?accountId=x&more=y", "?accountId=x&accountId=y"] {
        let answer = user.browser.get(&format!("/api/auth/account-info{query}")).await;
        let answer = answer.expect_code(400, "VALIDATION_ERROR");
        assert_eq!(answer.json()["message"], "[query] Invalid input", "{query}");
    }
}
