//! Sign-in with Discord

use std::collections::BTreeMap;

use e2e::{discord, fresh_email, fresh_id};
use serde_json::json;
use url::Url;

use super::{accounts_of, plain, stranger, user_of};

#[tokio::test]
async fn the_first_sign_in_makes_a_user() {
    let mut browser = stranger().await;
    let begun = browser.begin_social(&plain("discord")).await.expect(200).json();
    let url = Url::parse(e2e::text(&begun["url"])).expect("an address");
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!((query["scope"].as_str(), query["prompt"].as_str()), ("identify email", "none"));
    assert_eq!(query["code_challenge_method"], "S256");

    let (id, email) = (fresh_id(), fresh_email());
    let wish = discord(id, &email, true);
    browser.sign_in_socially("discord", &wish).await.expect_redirect("/welcome");
    let user = user_of(&mut browser).await;
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!(email), &json!(true)));
    assert_eq!(user["name"], "Nelly");
    let picture =
        format!("https://cdn.discordapp.com/avatars/{id}/8342729096ea3675442027381ff50dfe.png");
    assert_eq!(user["image"], picture);
    let accounts = accounts_of(&mut browser).await;
    assert_eq!(accounts[0]["accountId"], id.to_string());
    assert_eq!(accounts[0]["scopes"], json!(["identify", "email"]));
}

#[tokio::test]
async fn only_the_boolean_true_proves_an_address() {
    for verified in [json!(false), json!("true"), json!("false"), json!(1), json!(null)] {
        let mut wish = discord(fresh_id(), &fresh_email(), true);
        wish["person"]["verified"] = verified;
        let mut browser = stranger().await;
        browser.sign_in_socially("discord", &wish).await.expect_redirect("/welcome");
        assert_eq!(user_of(&mut browser).await["emailVerified"], false, "{wish}");
    }
}

/// The same subject at two providers is two people.
#[tokio::test]
async fn an_identity_is_its_provider_and_its_subject() {
    let id = fresh_id();
    let mut one = stranger().await;
    one.sign_in_socially("discord", &discord(id, &fresh_email(), true))
        .await
        .expect_redirect("/welcome");
    let mut other = stranger().await;
    let wish = e2e::github(id, &fresh_email(), true);
    other.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    assert_ne!(user_of(&mut one).await["id"], user_of(&mut other).await["id"]);
}

#[tokio::test]
async fn wrong_types_are_no_profile() {
    for (name, value) in [("id", json!(80_351_110)), ("id", json!("")), ("id", json!("undefined"))]
    {
        let mut wish = discord(1, &fresh_email(), true);
        wish["person"][name] = value;
        let mut browser = stranger().await;
        let answer = browser.sign_in_socially("discord", &wish).await;
        answer.expect_social_failure("unable_to_get_user_info");
        assert!(!browser.is_signed_in().await);
    }
}
