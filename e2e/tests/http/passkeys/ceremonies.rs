//! A challenge is good for one try of one ceremony, of whoever began it (PK2).

use e2e::{Algorithm, Browser, Passkey, Stores};
use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{
    Scene, authenticate_options, register_options, verify_authentication, verify_registration,
};

const COOKIE: &str = "better-auth.better-auth-passkey";
const MISSING: &str = "CHALLENGE_NOT_FOUND";

#[tokio::test]
async fn without_a_challenge_of_ours_there_is_no_ceremony() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let options = authenticate_options(&mut scene.stranger()).await;
    let response = passkey.assert(&options, &scene.how());
    let mut browser = scene.stranger();
    verify_authentication(&mut browser, &response).await.expect_code(400, MISSING);
    let session = scene.user.browser.session_cookie().to_owned();
    for forged in [session.as_str(), "x", "pk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaa.c2lnbmF0dXJl", ""] {
        browser.cookies.insert(COOKIE.into(), forged.into());
        verify_authentication(&mut browser, &response).await.expect_code(400, MISSING);
    }
    scene.user.browser.cookies.remove(COOKIE);
    let answer = scene.verify_registration(&json!({})).await;
    assert_eq!(answer.expect_code(400, MISSING).json()["message"], "Challenge not found");
}

#[tokio::test]
async fn a_challenge_is_good_for_one_try() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let mut browser = scene.stranger();
    let options = authenticate_options(&mut browser).await;
    let response = passkey.assert(&options, &scene.how());
    verify_authentication(&mut browser, &response).await.expect(200);
    verify_authentication(&mut browser, &response).await.expect_code(400, MISSING);
    let again = passkey.assert(&options, &scene.how());
    verify_authentication(&mut browser, &again).await.expect_code(400, MISSING);

    // A try that fails is one too.
    let options = authenticate_options(&mut browser).await;
    verify_authentication(&mut browser, &json!({ "id": "AAAA" })).await.expect(401);
    let right = passkey.assert(&options, &scene.how());
    verify_authentication(&mut browser, &right).await.expect_code(400, MISSING);
    let options = scene.register_options().await;
    let answer = scene.verify_registration(&json!({})).await;
    answer.expect_code(400, "FAILED_TO_VERIFY_REGISTRATION");
    let response = Passkey::new(Algorithm::Es256).register(&options, &scene.how());
    scene.verify_registration(&response).await.expect_code(400, MISSING);
}

#[tokio::test]
async fn an_assertion_is_good_for_its_own_challenge() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let mut browser = scene.stranger();
    let options = authenticate_options(&mut browser).await;
    let replayed = passkey.assert(&options, &scene.how());
    verify_authentication(&mut browser, &replayed).await.expect(200);
    let mut thief = scene.stranger();
    authenticate_options(&mut thief).await;
    let answer = verify_authentication(&mut thief, &replayed).await;
    answer.expect_code(400, "AUTHENTICATION_FAILED");
    assert!(!thief.is_signed_in().await);
}

#[tokio::test]
async fn a_challenge_of_one_ceremony_is_none_of_the_other() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let options = scene.register_options().await;
    let response = passkey.assert(&options, &scene.how());
    let answer = verify_authentication(&mut scene.user.browser, &response).await;
    answer.expect_code(400, MISSING);
    let options = authenticate_options(&mut scene.user.browser).await;
    let mut options_like = options.clone();
    options_like["user"] = json!({ "id": "AAAA" });
    let mut new = Passkey::new(Algorithm::Es256);
    let response = new.register(&options_like, &scene.how());
    scene.verify_registration(&response).await.expect_code(400, MISSING);
    // Either is used up by the wrong try.
    let response = passkey.assert(&options, &scene.how());
    let answer = verify_authentication(&mut scene.user.browser, &response).await;
    answer.expect_code(400, MISSING);
    assert_eq!(scene.stored(&new).await, 0);
}

#[tokio::test]
async fn a_registration_is_completed_by_who_began_it() {
    let mut scene = Scene::new().await;
    let mut thief = scene.stranger().sign_up().await;
    let options = register_options(&mut thief.browser).await;
    let mut passkey = Passkey::new(Algorithm::Es256);
    let response = passkey.register(&options, &scene.how());
    let theirs = thief.browser.cookies[COOKIE].clone();
    scene.user.browser.cookies.insert(COOKIE.into(), theirs);
    let answer = scene.verify_registration(&response).await;
    answer.expect_code(401, "YOU_ARE_NOT_ALLOWED_TO_REGISTER_THIS_PASSKEY");
    let answer = verify_registration(&mut thief.browser, &response).await;
    answer.expect_code(400, MISSING);
    assert_eq!(scene.stored(&passkey).await, 0);
}

#[tokio::test]
async fn a_challenge_is_good_for_five_minutes() {
    let (mut scene, mut passkey) = Scene::with_passkey().await;
    let mut new = Passkey::new(Algorithm::Es256);
    let registration = new.register(&scene.register_options().await, &scene.how());
    age_ceremony(&scene.stores, &scene.user.browser).await;
    scene.verify_registration(&registration).await.expect_code(400, MISSING);
    let mut browser = scene.stranger();
    let options = authenticate_options(&mut browser).await;
    let response = passkey.assert(&options, &scene.how());
    age_ceremony(&scene.stores, &browser).await;
    verify_authentication(&mut browser, &response).await.expect_code(400, MISSING);
}

/// Lets five minutes pass for the ceremony of a browser.
async fn age_ceremony(stores: &Stores, browser: &Browser) {
    let cookie = &browser.cookies[COOKIE];
    let aged = sqlx::query(
        "UPDATE mfa.passkey_ceremony SET expires_at = expires_at - interval '5 minutes' WHERE digest = sha256($1)",
    );
    let token = cookie.split_once('.').expect("a signature").0;
    let aged = aged.bind(token.as_bytes()).execute(&stores.db).await.expect("time passes");
    assert_eq!(aged.rows_affected(), 1);
}

#[tokio::test]
async fn of_fifty_with_one_assertion_one_is_let_in() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let mut browser = scene.stranger();
    let options = authenticate_options(&mut browser).await;
    let response = passkey.assert(&options, &scene.how());
    let verifying = vec![browser; 50].into_iter().map(|mut browser| {
        let response = &response;
        async move {
            let answer = verify_authentication(&mut browser, response).await;
            (browser, answer)
        }
    });
    let answers = join_all(verifying).await;
    let (mut let_in, mut refused) = (0, 0);
    for (mut browser, answer) in answers {
        if answer.status == 200 {
            let_in += 1;
        } else {
            answer.expect_code(400, MISSING);
            refused += 1;
            assert!(!browser.is_signed_in().await);
        }
    }
    assert_eq!((let_in, refused), (1, 49));
}

#[tokio::test]
async fn of_twenty_with_one_registration_one_makes_a_passkey() {
    let mut scene = Scene::new().await;
    let options = scene.register_options().await;
    let mut passkey = Passkey::new(Algorithm::Es256);
    let response = passkey.register(&options, &scene.how());
    let verifying = vec![scene.user.browser.clone(); 20].into_iter().map(|mut browser| {
        let response = &response;
        async move { verify_registration(&mut browser, response).await }
    });
    let answers = join_all(verifying).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    assert_eq!(scene.stored(&passkey).await, 1);
    let refused = answers.into_iter().filter(|answer| answer.status != 200);
    refused.for_each(|answer| drop(answer.expect_code(400, MISSING)));
}

/// What is asked of nobody in particular tells nobody anything, and leaves no trace of a user.
#[tokio::test]
async fn a_usernameless_ceremony_is_nobodys() {
    let scene = Scene::new().await;
    let mut browser = scene.stranger();
    let options: Value = authenticate_options(&mut browser).await;
    assert_eq!(options.get("allowCredentials"), None);
    let token = browser.cookies[COOKIE].split_once('.').expect("a signature").0.to_owned();
    let user: Option<String> =
        sqlx::query_scalar("SELECT user_id FROM mfa.passkey_ceremony WHERE digest = sha256($1)")
            .bind(token.as_bytes())
            .fetch_one(&scene.stores.db)
            .await
            .expect("a ceremony");
    assert_eq!(user, None);
}
