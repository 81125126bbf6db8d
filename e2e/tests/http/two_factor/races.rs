//! Many at once.

use e2e::{Answer, Browser};
use futures_util::{StreamExt, future::join_all, stream};
use serde_json::{Value, json};

use super::{Scene, ask};

/// Asks the same in all these browsers at the same time.
async fn at_once(
    browsers: impl IntoIterator<Item = Browser>,
    route: &str,
    body: &Value,
) -> Vec<(Browser, Answer)> {
    let asking = browsers.into_iter().map(|mut browser| async move {
        let answer = ask(&mut browser, route, body.clone()).await;
        (browser, answer)
    });
    join_all(asking).await
}

fn count(answers: &[(Browser, Answer)], status: u16, code: &str) -> usize {
    let is = |answer: &Answer| answer.status == status && answer.json()["code"] == code;
    answers.iter().filter(|(_, answer)| is(answer)).count()
}

async fn signed_in(answers: Vec<(Browser, Answer)>) -> usize {
    let checks =
        answers.into_iter().map(|(mut browser, _)| async move { browser.is_signed_in().await });
    join_all(checks).await.into_iter().filter(|signed_in| *signed_in).count()
}

/// MF3
#[tokio::test]
async fn of_a_thousand_wrong_codes_at_once_five_are_judged() {
    let (scene, app) = Scene::enrolled().await;
    let browser = scene.half_way().await;
    let body = json!({ "code": app.wrong_code() });
    let answers = at_once(vec![browser; 1000], "verify-totp", &body).await;
    assert_eq!(count(&answers, 401, "INVALID_CODE"), 5);
    let ended = count(&answers, 400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE");
    let too_late = count(&answers, 401, "INVALID_TWO_FACTOR_COOKIE");
    let busy = answers.iter().filter(|(_, answer)| answer.status == 503).count();
    assert_eq!(ended, 1);
    assert_eq!(ended + too_late + busy, 995);
    let failures: i32 = sqlx::query_scalar(
        "SELECT failures FROM mfa.guard WHERE user_id = $1 AND door = 'sign_in'",
    )
    .bind(&scene.user.id)
    .fetch_one(&scene.stores.db)
    .await
    .expect("a count");
    assert_eq!(failures, 5);
    assert_eq!(signed_in(answers).await, 0);
}

#[tokio::test]
async fn of_many_wrong_codes_in_one_session_five_are_judged() {
    let (scene, app) = Scene::enrolled().await;
    let body = json!({ "code": app.wrong_code() });
    let answers = at_once(vec![scene.user.browser.clone(); 100], "verify-totp", &body).await;
    assert_eq!(count(&answers, 401, "INVALID_CODE"), 5);
    assert_eq!(count(&answers, 400, "TOO_MANY_ATTEMPTS_REQUEST_NEW_CODE"), 95);
}

/// Many challenges, each with attempts of its own: the account's count stops them.
#[tokio::test]
async fn of_many_wrong_codes_over_many_challenges_ten_are_judged() {
    let (scene, app) = Scene::enrolled().await;
    let scene = &scene;
    let browsers: Vec<_> = stream::iter(0..12).then(|_| scene.half_way()).collect().await;
    let all = browsers.into_iter().flat_map(|browser| vec![browser; 5]);
    let answers = at_once(all, "verify-totp", &json!({ "code": app.wrong_code() })).await;
    assert_eq!(count(&answers, 401, "INVALID_CODE"), 10);
    assert_eq!(count(&answers, 429, "ACCOUNT_TEMPORARILY_LOCKED"), 50);
}

#[tokio::test]
async fn of_twenty_with_the_same_right_code_one_is_let_in() {
    let (scene, app) = Scene::enrolled().await;
    let browser = scene.half_way().await;
    let answers = at_once(vec![browser; 20], "verify-totp", &json!({ "code": app.code() })).await;
    assert_eq!(answers.iter().filter(|(_, answer)| answer.status == 200).count(), 1);
    assert_eq!(count(&answers, 401, "INVALID_TWO_FACTOR_COOKIE"), 19);
    assert_eq!(signed_in(answers).await, 1);
}

/// MF4, on every replica: the same code in different challenges.
#[tokio::test]
async fn of_many_challenges_with_the_same_right_code_one_is_let_in() {
    let (scene, app) = Scene::enrolled().await;
    let scene = &scene;
    let browsers: Vec<_> = stream::iter(0..8).then(|_| scene.half_way()).collect().await;
    let answers = at_once(browsers, "verify-totp", &json!({ "code": app.code() })).await;
    assert_eq!(signed_in(answers).await, 1);
}

/// MF7
#[tokio::test]
async fn of_a_thousand_with_one_backup_code_one_is_let_in() {
    let (scene, app) = Scene::enrolled().await;
    let scene = &scene;
    let browsers: Vec<_> = stream::iter(0..8).then(|_| scene.half_way()).collect().await;
    let all = browsers.into_iter().flat_map(|browser| vec![browser; 125]);
    let body = json!({ "code": app.backup_codes[0] });
    let answers = at_once(all, "verify-backup-code", &body).await;
    assert_eq!(answers.iter().filter(|(_, answer)| answer.status == 200).count(), 1);
    assert_eq!(signed_in(answers).await, 1);
}

/// MF12
#[tokio::test]
async fn of_twenty_with_one_mailed_code_one_is_let_in() {
    let scene = Scene::with_mailed_codes().await;
    let mut browser = scene.half_way().await;
    ask(&mut browser, "send-otp", json!({})).await.expect(200);
    let code = scene.code_mails(1).await.remove(0);
    let answers = at_once(vec![browser; 20], "verify-otp", &json!({ "code": code })).await;
    assert_eq!(signed_in(answers).await, 1);
}

/// The enrolment is completed once, and its session is replaced once.
#[tokio::test]
async fn of_twenty_first_codes_at_once_one_rotates_the_session() {
    let mut scene = Scene::new().await;
    let app = scene.user.begins_enrolment().await;
    let body = json!({ "code": app.code() });
    let answers = at_once(vec![scene.user.browser.clone(); 20], "verify-totp", &body).await;
    assert_eq!(answers.iter().filter(|(_, answer)| answer.status == 200).count(), 1);
    assert_eq!(signed_in(answers).await, 1);
}

/// A guess and a change of the factor take their locks in one order.
#[tokio::test]
async fn guesses_and_changes_at_once_break_nothing() {
    let (mut scene, app) = Scene::enrolled().await;
    let wrong = json!({ "code": app.wrong_code() });
    for _ in 0..3 {
        let browser = scene.half_way().await;
        let guesses = at_once(vec![browser; 6], "verify-totp", &wrong);
        let change = scene.ask("generate-backup-codes", json!({ "password": e2e::PASSWORD }));
        let (guesses, change) = tokio::join!(guesses, change);
        change.expect(200);
        assert!(
            guesses.iter().all(|(_, answer)| answer.status < 500),
            "{guesses:?}",
            guesses = guesses.len()
        );
        scene
            .change("UPDATE mfa.guard SET locked_until = NULL, failures = 0 WHERE user_id = $1")
            .await;
    }
}
