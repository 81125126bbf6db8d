//! OA7: whoever signs up with somebody else's address waits for nothing

use e2e::{
    Browser, PASSWORD, User, discord, fresh_email, fresh_id, github, google, mail_about, path_in,
    shared,
};
use serde_json::json;

use super::{providers_of, stores, stranger, user_of};

/// Resets the password as who has the mailbox does.
async fn reset(email: &str, password: &str) {
    let urls = shared().await;
    let body = json!({ "email": email, "redirectTo": "/reset" });
    stranger().await.post("/api/auth/request-password-reset", &body).await.expect(200);
    let mail = mail_about(&urls.outbox, email, "Choose a new password").await;
    let path = path_in(&mail);
    let token = path.split("reset-password/").nth(1).and_then(|rest| rest.split('?').next());
    let body = json!({ "token": token.expect("a token"), "newPassword": password });
    stranger().await.post("/api/auth/reset-password", &body).await.expect(200);
}

/// Follows the link that proves an address, in this browser.
async fn verify(browser: &mut Browser, email: &str) {
    let body = json!({ "email": email });
    stranger().await.post("/api/auth/send-verification-email", &body).await.expect(200);
    let mail = mail_about(&shared().await.outbox, email, "Confirm your e-mail address").await;
    browser.get(&path_in(&mail)).await.expect(302);
}

#[tokio::test]
async fn a_squatters_password_sessions_and_factors_go_when_the_owner_proves_the_mailbox() {
    let mut squatter: User = stranger().await.sign_up().await;
    let body = json!({ "password": PASSWORD, "method": "otp" });
    squatter.browser.post("/api/auth/two-factor/enable", &body).await.expect(200);
    let wish = google(fresh_id(), &squatter.email, true);
    let mut owner = stranger().await;
    owner.sign_in_socially("google", &wish).await.expect_social_failure("account_not_linked");
    assert!(squatter.browser.is_signed_in().await);

    reset(&squatter.email, "the owner's own").await;
    assert!(!squatter.browser.is_signed_in().await);
    let refused = stranger().await.sign_in(&squatter.email, PASSWORD).await;
    refused.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    // A reset skips no second factor, whosever it is.
    let answer = stranger().await.sign_in(&squatter.email, "the owner's own").await.expect(200);
    assert_eq!(answer.json()["twoFactorRedirect"], true, "{answer:?}");
    owner.sign_in_socially("google", &wish).await.expect_social_failure("account_not_linked");

    verify(&mut stranger().await, &squatter.email).await;
    let mut by_password = stranger().await;
    by_password.sign_in(&squatter.email, "the owner's own").await.expect(200);
    assert!(by_password.is_signed_in().await, "the squatter's factor is still asked for");
    // The address is theirs now, and so is who has it at a provider.
    owner.sign_in_socially("google", &wish).await.expect_redirect("/dash");
    assert_eq!(providers_of(&mut owner).await, ["credential", "google"]);
    let user = user_of(&mut owner).await;
    assert_eq!((&user["emailVerified"], &user["twoFactorEnabled"]), (&json!(true), &json!(false)));
}

/// Whoever is signed in proves the address for themselves.
#[tokio::test]
async fn a_factor_of_who_follows_the_link_themselves_stays() {
    let mut user: User = stranger().await.sign_up().await;
    let body = json!({ "password": PASSWORD, "method": "otp" });
    user.browser.post("/api/auth/two-factor/enable", &body).await.expect(200);
    verify(&mut user.browser, &user.email).await;
    let now = user_of(&mut user.browser).await;
    assert_eq!((&now["emailVerified"], &now["twoFactorEnabled"]), (&json!(true), &json!(true)));
}

/// The squatter came by a provider that does not prove addresses.
async fn squat(email: &str) -> (Browser, serde_json::Value) {
    let wish = discord(fresh_id(), email, false);
    let mut squatter = stranger().await;
    squatter.sign_in_socially("discord", &wish).await.expect_redirect("/welcome");
    (squatter, wish)
}

#[tokio::test]
async fn an_identity_that_did_not_prove_the_address_goes_when_somebody_else_does() {
    let email = fresh_email();
    let (mut squatter, wish) = squat(&email).await;
    verify(&mut stranger().await, &email).await;
    assert!(!squatter.is_signed_in().await);
    squatter.sign_in_socially("discord", &wish).await.expect_social_failure("account_not_linked");
    let mut owner = stranger().await;
    owner
        .sign_in_socially("github", &github(fresh_id(), &email, true))
        .await
        .expect_redirect("/dash");
    assert_eq!(providers_of(&mut owner).await, ["github"]);

    let email = fresh_email();
    let (mut squatter, wish) = squat(&email).await;
    reset(&email, "the owner's own").await;
    assert!(!squatter.is_signed_in().await);
    squatter.sign_in_socially("discord", &wish).await.expect_social_failure("account_not_linked");
    let mut owner = stranger().await;
    owner.sign_in(&email, "the owner's own").await.expect(200);
    assert_eq!(providers_of(&mut owner).await, ["credential"]);
}

#[tokio::test]
async fn who_proves_their_own_address_keeps_what_they_have() {
    let email = fresh_email();
    let (mut browser, wish) = squat(&email).await;
    verify(&mut browser, &email).await;
    assert_eq!(user_of(&mut browser).await["emailVerified"], true);
    stranger().await.sign_in_socially("discord", &wish).await.expect_redirect("/dash");

    // Nor does the ordinary sign-up lose anything, wherever its link is followed.
    let mut user = stranger().await.sign_up().await;
    verify(&mut stranger().await, &user.email).await;
    assert_eq!(user_of(&mut user.browser).await["emailVerified"], true);
    stranger().await.sign_in(&user.email, PASSWORD).await.expect(200);
}

/// The provider proves later what it could not before: whatever else was set up goes.
#[tokio::test]
async fn what_was_set_up_before_a_provider_proves_the_address_goes() {
    let (id, email) = (fresh_id(), fresh_email());
    let mut browser = stranger().await;
    browser
        .sign_in_socially("discord", &discord(id, &email, false))
        .await
        .expect_redirect("/welcome");
    let user = user_of(&mut browser).await["id"].as_str().expect("text").to_owned();
    for (provider, password) in [("credential", Some("$2b$10$x")), ("github", None)] {
        let planted = sqlx::query(
            "INSERT INTO identity.account (id, user_id, provider_id, account_id, password, created_at, updated_at) \
             VALUES ($1, $2, $3, $2, $4, now(), now())",
        );
        let account = format!("{provider}-{user}");
        let planted = planted.bind(account).bind(&user).bind(provider).bind(password);
        planted.execute(&stores().await.db).await.expect("planted");
    }
    let mut proved = stranger().await;
    proved.sign_in_socially("discord", &discord(id, &email, true)).await.expect_redirect("/dash");
    let now = user_of(&mut proved).await;
    assert_eq!((&now["id"], &now["emailVerified"]), (&json!(user), &json!(true)));
    assert_eq!(providers_of(&mut proved).await, ["discord"]);
    assert!(!browser.is_signed_in().await, "the earlier session goes too");
}
