//! Signing in, and linking, by a token that the page got from the provider itself

use e2e::{expect_session_cookie, expect_user, fresh_email, fresh_id, google, shared, with};
use serde_json::{Value, json};

use super::{accounts_of, proved_user, stranger, user_of};

/// A token as Google's own script hands it to a page.
async fn token(wish: &Value) -> String {
    let url = format!("{}/google/sign", shared().await.providers_url);
    let answer = reqwest::Client::new().post(url).json(wish).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{answer:?}");
    answer.text().await.expect("text")
}

fn body(token: &str) -> Value {
    json!({ "provider": "google", "idToken": { "token": token, "accessToken": "ya29.page" } })
}

#[tokio::test]
async fn a_good_token_signs_in() {
    let (id, email) = (fresh_id(), fresh_email());
    let token = token(&google(id, &email, true)).await;
    let mut browser = stranger().await;
    let answer = browser.begin_social(&body(&token)).await.expect(200);
    let signed_in = answer.json();
    assert_eq!(e2e::keys(&signed_in), ["redirect", "token", "user"]);
    assert_eq!(signed_in["redirect"], false);
    expect_user(&signed_in["user"]);
    let cookies = answer.set_cookies();
    assert_eq!(cookies.len(), 1);
    expect_session_cookie(&cookies[0], e2e::text(&signed_in["token"]), Some(604_800));
    assert_eq!(user_of(&mut browser).await["email"], json!(email));
    assert_eq!(accounts_of(&mut browser).await[0]["accountId"], id.to_string());
}

#[tokio::test]
async fn a_token_that_is_not_right_signs_nobody_in() {
    let fine = || google(fresh_id(), &fresh_email(), true);
    let claim = |name: &str, value| {
        let mut wish = fine();
        wish["person"][name] = value;
        wish
    };
    for wish in [
        claim("iss", json!("https://accounts.google.com")),
        claim("aud", json!("another-client")),
        claim("exp", json!(1_353_604_926)),
        claim("exp", json!(null)),
        claim("iat", json!(1_353_604_926)),
        claim("sub", json!(null)),
        with(fine(), "signing", json!("none")),
        with(fine(), "signing", json!("foreign")),
        with(fine(), "signing", json!({ "hmac": "stellar-google-secret" })),
    ] {
        let mut browser = stranger().await;
        let answer = browser.begin_social(&body(&token(&wish).await)).await;
        answer.expect_code(401, "INVALID_TOKEN");
        assert!(!browser.is_signed_in().await, "{wish}");
    }
    for text in ["", "a.b.c", "e30.e30.e30"] {
        stranger().await.begin_social(&body(text)).await.expect_code(401, "INVALID_TOKEN");
    }
    let nobody = claim("sub", json!(""));
    let answer = stranger().await.begin_social(&body(&token(&nobody).await)).await;
    answer.expect_code(401, "FAILED_TO_GET_USER_INFO");
    let without = claim("email", json!(null));
    let answer = stranger().await.begin_social(&body(&token(&without).await)).await;
    answer.expect_code(401, "USER_EMAIL_NOT_FOUND");
}

#[tokio::test]
async fn a_nonce_that_is_given_must_be_the_tokens() {
    let mut wish = google(fresh_id(), &fresh_email(), true);
    wish["person"]["nonce"] = json!("n-1");
    let token = token(&wish).await;
    for nonce in ["n-2", ""] {
        let mut asked = body(&token);
        asked["idToken"]["nonce"] = json!(nonce);
        stranger().await.begin_social(&asked).await.expect_code(401, "INVALID_TOKEN");
    }
    let mut asked = body(&token);
    asked["idToken"]["nonce"] = json!("n-1");
    stranger().await.begin_social(&asked).await.expect(200);
}

#[tokio::test]
async fn who_has_no_id_tokens_takes_none() {
    for provider in ["github", "discord"] {
        let body = json!({ "provider": provider, "idToken": { "token": "x" } });
        stranger().await.begin_social(&body).await.expect_code(404, "ID_TOKEN_NOT_SUPPORTED");
    }
    let body = json!({ "provider": "apple", "idToken": { "token": "x" } });
    stranger().await.begin_social(&body).await.expect_code(404, "PROVIDER_NOT_FOUND");
    for id_token in [json!("x"), json!({}), json!({ "token": 1 })] {
        let body = json!({ "provider": "google", "idToken": id_token });
        stranger().await.begin_social(&body).await.expect_code(400, "VALIDATION_ERROR");
    }
}

#[tokio::test]
async fn an_address_links_as_it_does_by_a_redirect() {
    let squatter = stranger().await.sign_up().await;
    let refused = body(&token(&google(fresh_id(), &squatter.email, true)).await);
    let answer = stranger().await.begin_social(&refused).await.expect_code(401, "OAUTH_LINK_ERROR");
    assert_eq!(answer.json()["message"], "account not linked");
    let user = proved_user().await;
    let fine = body(&token(&google(fresh_id(), &user.email, true)).await);
    let answer = stranger().await.begin_social(&fine).await.expect(200);
    assert_eq!(answer.json()["user"]["id"], json!(user.id));
}

#[tokio::test]
async fn an_identity_is_added_by_a_token() {
    let mut user = proved_user().await;
    let path = "/api/auth/link-social";
    let own = body(&token(&google(fresh_id(), &user.email, true)).await);
    for _ in 0..2 {
        let answer = user.browser.post(path, &own).await.expect(200);
        assert_eq!(answer.json(), json!({ "url": "", "status": true, "redirect": false }));
    }
    assert_eq!(accounts_of(&mut user.browser).await.len(), 2);
    for (wish, code) in [
        (google(fresh_id(), &fresh_email(), true), "LINKING_DIFFERENT_EMAILS_NOT_ALLOWED"),
        (google(fresh_id(), &user.email, false), "LINKING_NOT_ALLOWED"),
    ] {
        let body = body(&token(&wish).await);
        user.browser.post(path, &body).await.expect_code(401, code);
    }
    let mut other = proved_user().await;
    let id = fresh_id();
    let theirs = body(&token(&google(id, &other.email, true)).await);
    other.browser.post(path, &theirs).await.expect(200);
    let moved = body(&token(&google(id, &user.email, true)).await);
    user.browser.post(path, &moved).await.expect_code(409, "SOCIAL_ACCOUNT_ALREADY_LINKED");
    let body = json!({ "provider": "github", "idToken": { "token": "x" } });
    user.browser.post(path, &body).await.expect_code(404, "ID_TOKEN_NOT_SUPPORTED");
}
