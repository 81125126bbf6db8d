//! Identities for users there are: by a proved address, or in a session

use std::time::Duration;

use e2e::{User, at_provider, discord, fresh_email, fresh_id, github, google};
use serde_json::json;

use super::{accounts_of, proved_user, providers_of, stores, stranger, user_of};

/// GHSA-g38m-r43w-p2q7
#[tokio::test]
async fn an_address_links_when_both_sides_have_proved_it() {
    for (ours, theirs) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut user: User =
            if ours { proved_user().await } else { stranger().await.sign_up().await };
        for (provider, wish) in [
            ("github", github(fresh_id(), &user.email, theirs)),
            ("discord", discord(fresh_id(), &user.email, theirs)),
            ("google", google(fresh_id(), &user.email, theirs)),
        ] {
            let mut browser = stranger().await;
            let answer = browser.sign_in_socially(provider, &wish).await;
            if ours && theirs {
                answer.expect_redirect("/dash");
                assert_eq!(user_of(&mut browser).await["id"], json!(user.id));
            } else {
                answer.expect_social_failure("account_not_linked");
                assert!(!browser.is_signed_in().await);
            }
        }
        let linked = if ours && theirs { 4 } else { 1 };
        assert_eq!(
            providers_of(&mut user.browser).await.len(),
            linked,
            "we: {ours}, they: {theirs}"
        );
        assert!(user.browser.is_signed_in().await, "nobody else is bothered");
    }
}

#[tokio::test]
async fn somebody_who_is_signed_in_adds_an_identity() {
    let mut user = proved_user().await;
    let wish = github(fresh_id(), &user.email, true);
    let token = user.browser.session_cookie().to_owned();
    let answer = user.browser.link_socially("github", &wish).await.expect_redirect("/linked");
    assert_eq!(answer.set_cookies().len(), 1, "the state goes, the session stays");
    assert_eq!(user.browser.session_cookie(), token);
    assert_eq!(providers_of(&mut user.browser).await, ["credential", "github"]);
    // Again: nothing new.
    user.browser.link_socially("github", &wish).await.expect_redirect("/linked");
    assert_eq!(accounts_of(&mut user.browser).await.len(), 2);

    let mut elsewhere = stranger().await;
    elsewhere.sign_in_socially("github", &wish).await.expect_redirect("/dash");
    assert_eq!(user_of(&mut elsewhere).await["id"], json!(user.id));
}

#[tokio::test]
async fn an_identity_is_added_only_under_the_users_own_proved_address() {
    let mut user = proved_user().await;
    for (wish, code) in [
        (github(fresh_id(), &fresh_email(), true), "email_does_not_match"),
        (github(fresh_id(), &user.email, false), "unable_to_link_account"),
        (github(fresh_id(), "x@y@z.co", true), "email_not_found"),
    ] {
        user.browser.link_socially("github", &wish).await.expect_social_failure(code);
    }
    assert_eq!(accounts_of(&mut user.browser).await.len(), 1);

    // Whoever was lured into a squatter's session would hand over their identity.
    let mut squatter = stranger().await.sign_up().await;
    let wish = github(fresh_id(), &squatter.email, true);
    let answer = squatter.browser.link_socially("github", &wish).await;
    answer.expect_social_failure("unable_to_link_account");
    assert_eq!(accounts_of(&mut squatter.browser).await.len(), 1);
}

#[tokio::test]
async fn an_identity_that_is_somebody_elses_stays_theirs() {
    let (mut owner, mut other) = (proved_user().await, proved_user().await);
    let id = fresh_id();
    owner
        .browser
        .link_socially("github", &github(id, &owner.email, true))
        .await
        .expect_redirect("/linked");
    // The same identity has another address by now: the other user's.
    let moved = github(id, &other.email, true);
    let answer = other.browser.link_socially("github", &moved).await;
    answer.expect_social_failure("account_already_linked_to_different_user");
    assert_eq!(accounts_of(&mut other.browser).await.len(), 1);
    assert_eq!(accounts_of(&mut owner.browser).await.len(), 2);
    let mut browser = stranger().await;
    browser.sign_in_socially("github", &moved).await.expect_redirect("/dash");
    assert_eq!(user_of(&mut browser).await["id"], json!(owner.id));
}

#[tokio::test]
async fn adding_an_identity_takes_a_fresh_session_of_ones_own() {
    let body = json!({ "provider": "github" });
    let path = "/api/auth/link-social";
    stranger().await.post(path, &body).await.expect_code(401, "UNAUTHORIZED");
    let mut user = proved_user().await;
    user.browser
        .post(path, &json!({ "provider": "gitlab" }))
        .await
        .expect_code(404, "PROVIDER_NOT_FOUND");
    user.browser.post(path, &json!({})).await.expect_code(400, "VALIDATION_ERROR");
    stores().await.age_session(&user.token, Duration::from_hours(24)).await;
    user.browser.post(path, &body).await.expect_code(403, "SESSION_NOT_FRESH");

    let user = proved_user().await;
    let mut admin = e2e::admin(&e2e::shared().await).await.browser;
    admin.post("/api/auth/admin/impersonate-user", &json!({ "userId": user.id })).await.expect(200);
    admin.post(path, &body).await.expect_code(403, "NOT_ALLOWED_WHILE_IMPERSONATING");
}

/// The session that asked has to live until the end, and its user has to have the address.
#[tokio::test]
async fn a_link_ends_with_the_session_that_asked_for_it() {
    let mut user = proved_user().await;
    let wish = github(fresh_id(), &user.email, true);
    let body =
        json!({ "provider": "github", "callbackURL": "/linked", "errorCallbackURL": "/failed" });
    let begun = user.browser.post("/api/auth/link-social", &body).await.expect(200).json();
    let back = at_provider(e2e::text(&begun["url"]), &wish).await;
    let mut elsewhere = stranger().await;
    elsewhere.sign_in(&user.email, e2e::PASSWORD).await.expect(200);
    user.browser.clone().post("/api/auth/sign-out", &json!({})).await.expect(200);
    user.browser.get(&back).await.expect_social_failure("unable_to_link_account");
    assert_eq!(accounts_of(&mut elsewhere).await.len(), 1);

    let begun = elsewhere.post("/api/auth/link-social", &body).await.expect(200).json();
    let back = at_provider(e2e::text(&begun["url"]), &wish).await;
    let moved =
        sqlx::query("UPDATE identity.user SET email = $2, version = version + 1 WHERE id = $1");
    moved.bind(&user.id).bind(fresh_email()).execute(&stores().await.db).await.expect("moved");
    elsewhere.get(&back).await.expect_social_failure("email_does_not_match");
    assert_eq!(accounts_of(&mut elsewhere).await.len(), 1);
}
