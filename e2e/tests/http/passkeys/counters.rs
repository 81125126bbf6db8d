//! The signature counter (PK4).

use e2e::{Answer, Passkey, eventually};
use futures_util::future::join_all;
use serde_json::json;

use super::Scene;

async fn with_counter(scene: &Scene, passkey: &Passkey, counter: u32) -> Answer {
    // Twenty at once may be more than Postgres gives connections for in time.
    let begun = eventually(|| async {
        let mut browser = scene.stranger();
        let answer = browser.get("/api/auth/passkey/generate-authenticate-options").await;
        (!answer.is_clean_outage()).then_some((browser, answer))
    });
    let (mut browser, answer) = begun.await.expect("patience");
    let options = answer.expect(200).json();
    let response = passkey.assert_counting(&options, &scene.how(), counter);
    let body = json!({ "response": response });
    browser.post_patiently("/api/auth/passkey/verify-authentication", &body).await
}

#[tokio::test]
async fn a_counter_that_does_not_grow_is_refused() {
    let (mut scene, passkey) = Scene::with_passkey().await;
    with_counter(&scene, &passkey, 5).await.expect(200);
    for counter in [5, 4, 1, 0] {
        let answer = with_counter(&scene, &passkey, counter).await;
        answer.expect_code(400, "AUTHENTICATION_FAILED");
    }
    assert_eq!(scene.passkeys().await[0]["counter"], 5);
    let metrics = format!("{}/metrics", scene.urls.admin[&stack::Process::Mfa]);
    let metrics = reqwest::get(metrics).await.expect("metrics").text().await.expect("text");
    let alarms =
        metrics.lines().find_map(|line| line.strip_prefix("passkey_counters_refused_total "));
    let alarms: u64 = alarms.expect("the alarm's metric").parse().expect("a number");
    assert!(alarms >= 4, "{metrics}");
    with_counter(&scene, &passkey, 6).await.expect(200);
    // 32 bits without a sign, and no more.
    with_counter(&scene, &passkey, u32::MAX).await.expect(200);
    assert_eq!(scene.passkeys().await[0]["counter"], json!(u32::MAX));
    with_counter(&scene, &passkey, u32::MAX).await.expect_code(400, "AUTHENTICATION_FAILED");
}

#[tokio::test]
async fn a_counter_that_is_always_zero_is_fine() {
    let (mut scene, passkey) = Scene::with_passkey().await;
    for _ in 0..3 {
        with_counter(&scene, &passkey, 0).await.expect(200);
    }
    assert_eq!(scene.passkeys().await[0]["counter"], 0);
}

/// Two copies of a credential, each with a challenge of its own and the same count.
#[tokio::test]
async fn of_twenty_with_one_count_one_is_let_in() {
    let (scene, passkey) = Scene::with_passkey().await;
    let answers = join_all((0..20).map(|_| with_counter(&scene, &passkey, 9))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    let refused = answers.into_iter().filter(|answer| answer.status != 200);
    refused.for_each(|answer| drop(answer.expect_code(400, "AUTHENTICATION_FAILED")));
}
