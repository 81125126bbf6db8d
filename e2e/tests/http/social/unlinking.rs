//! The last way in stays

use e2e::{Answer, Browser, fresh_email, fresh_id, github, google};
use serde_json::json;

use super::{accounts_of, proved_user, providers_of, stranger};

async fn unlink(browser: &mut Browser, provider: &str) -> Answer {
    let accounts = accounts_of(browser).await;
    let account = accounts.iter().find(|account| account["providerId"] == provider);
    let id = account.unwrap_or_else(|| panic!("no {provider} in {accounts:?}"))["id"].clone();
    browser.post("/api/auth/unlink-account", &json!({ "accountId": id })).await
}

#[tokio::test]
async fn a_user_of_one_provider_keeps_it() {
    let mut browser = stranger().await;
    let (id, email) = (fresh_id(), fresh_email());
    browser.sign_in_socially("github", &github(id, &email, true)).await.expect_redirect("/welcome");
    unlink(&mut browser, "github").await.expect_code(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    browser
        .link_socially("google", &google(fresh_id(), &email, true))
        .await
        .expect_redirect("/linked");
    unlink(&mut browser, "github").await.expect(200);
    unlink(&mut browser, "google").await.expect_code(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
    assert_eq!(providers_of(&mut browser).await, ["google"]);

    // It opens nothing any more but by the address, which both sides have proved.
    let mut elsewhere = stranger().await;
    let without = github(id, &fresh_email(), true);
    elsewhere.sign_in_socially("github", &without).await.expect_redirect("/welcome");
}

#[tokio::test]
async fn a_password_may_go_when_a_provider_stays() {
    let mut user = proved_user().await;
    let wish = github(fresh_id(), &user.email, true);
    user.browser.link_socially("github", &wish).await.expect_redirect("/linked");
    unlink(&mut user.browser, "credential").await.expect(200);
    let refused = stranger().await.sign_in(&user.email, e2e::PASSWORD).await;
    refused.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    stranger().await.sign_in_socially("github", &wish).await.expect_redirect("/dash");
    unlink(&mut user.browser, "github").await.expect_code(400, "FAILED_TO_UNLINK_LAST_ACCOUNT");
}

#[tokio::test]
async fn of_two_who_unlink_at_once_one_is_refused() {
    for _ in 0..5 {
        let mut user = proved_user().await;
        let wish = github(fresh_id(), &user.email, true);
        user.browser.link_socially("github", &wish).await.expect_redirect("/linked");
        let (mut one, mut other) = (user.browser.clone(), user.browser.clone());
        let answers = tokio::join!(unlink(&mut one, "credential"), unlink(&mut other, "github"));
        let statuses = [answers.0.status, answers.1.status];
        assert!(statuses.contains(&200) && statuses.contains(&400), "{answers:?}");
        assert_eq!(accounts_of(&mut user.browser).await.len(), 1);
    }
}
