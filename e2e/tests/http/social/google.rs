//! Sign-in with Google, which is any OpenID provider: here one that signs what it is told

use std::collections::BTreeMap;

use e2e::{eventually, fresh_email, fresh_id, google, with};
use serde_json::json;
use url::Url;

use super::{accounts_of, plain, stranger, user_of};

#[tokio::test]
async fn the_first_sign_in_makes_a_user() {
    let mut browser = stranger().await;
    let begun = browser.begin_social(&plain("google")).await.expect(200).json();
    let url = Url::parse(e2e::text(&begun["url"])).expect("an address");
    let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
    assert_eq!(query["scope"], "email profile openid");
    assert_eq!(query["code_challenge_method"], "S256");
    assert_eq!(query["include_granted_scopes"], "true");
    assert!(query["nonce"].len() >= 32);

    let (id, email) = (fresh_id(), fresh_email());
    browser.sign_in_socially("google", &google(id, &email, true)).await.expect_redirect("/welcome");
    let user = user_of(&mut browser).await;
    assert_eq!((&user["email"], &user["emailVerified"]), (&json!(email), &json!(true)));
    assert_eq!(
        (&user["name"], &user["image"]),
        (&json!("Jane Smith"), &json!("https://lh3.googleusercontent.com/a/picture"))
    );
    assert_eq!(accounts_of(&mut browser).await[0]["accountId"], id.to_string());
}

/// OA5, over the wire. The whole table is in `identity-svc/src/oauth/id_token.rs`.
#[tokio::test]
async fn an_id_token_that_is_not_right_lets_nobody_in() {
    let fine = || google(fresh_id(), &fresh_email(), true);
    let claim = |name: &str, value| {
        let mut wish = fine();
        wish["person"][name] = value;
        wish
    };
    for wish in [
        claim("iss", json!("https://accounts.google.com")),
        claim("aud", json!("another-client")),
        claim("azp", json!("another-client")),
        claim("nonce", json!("another")),
        claim("nonce", json!(null)),
        claim("exp", json!(1_353_604_926)),
        claim("exp", json!(null)),
        claim("iat", json!(1_353_604_926)),
        claim("sub", json!("")),
        claim("sub", json!(null)),
        with(fine(), "signing", json!("none")),
        with(fine(), "signing", json!("foreign")),
        with(fine(), "signing", json!({ "hmac": "stellar-google-secret" })),
        with(fine(), "token", json!({ "id_token": null })),
        with(fine(), "token", json!({ "id_token": "a.b.c" })),
    ] {
        let mut browser = stranger().await;
        let answer = browser.sign_in_socially("google", &wish).await;
        answer.expect_social_failure("unable_to_get_user_info");
        assert!(!browser.is_signed_in().await, "{wish}");
    }
    for verified in [json!("true"), json!("false"), json!(1), json!(null)] {
        let wish = claim("email_verified", verified);
        let mut browser = stranger().await;
        browser.sign_in_socially("google", &wish).await.expect_redirect("/welcome");
        assert_eq!(user_of(&mut browser).await["emailVerified"], false, "{wish}");
    }
}

/// The key is made when the token is; we have read the others before.
#[tokio::test]
async fn a_new_key_of_the_issuers_is_found() {
    let mut browser = stranger().await;
    let wish = google(fresh_id(), &fresh_email(), true);
    browser.sign_in_socially("google", &wish).await.expect_redirect("/welcome");
    let name = format!("key-{}", fresh_id());
    let wish = with(google(fresh_id(), &fresh_email(), true), "signing", json!({ "key": name }));
    // Keys are not asked for more often than every few seconds, whoever else has done so.
    let signed_in = eventually(|| async {
        let mut browser = stranger().await;
        let answer = browser.sign_in_socially("google", &wish).await.expect(302);
        browser.is_signed_in().await.then_some(answer)
    });
    signed_in.await.expect("the new key is found");
}

/// RFC 9207: this issuer says that it always names itself.
#[tokio::test]
async fn an_answer_of_another_issuer_is_refused() {
    for iss in ["https://accounts.google.com", ""] {
        let wish = with(google(fresh_id(), &fresh_email(), true), "back", json!({ "iss": iss }));
        let mut browser = stranger().await;
        let answer = browser.sign_in_socially("google", &wish).await;
        answer.expect_social_failure("state_mismatch");
        assert!(!browser.is_signed_in().await, "{iss}");
    }
}
