//! Backup codes.

use e2e::{Browser, PASSWORD, keys, mails_about, text};
use serde_json::{Value, json};

use super::{CHANGE_MAIL, Scene, ask, cookie_names};

fn codes(answer: &Value) -> Vec<String> {
    answer["backupCodes"]
        .as_array()
        .expect("codes")
        .iter()
        .map(|code| text(code).to_owned())
        .collect()
}

#[tokio::test]
async fn a_backup_code_opens_a_session_once() {
    let (scene, app) = Scene::enrolled().await;
    let code = json!({ "code": app.backup_codes[0] });
    let mut browser = scene.half_way().await;
    let answer = ask(&mut browser, "verify-backup-code", code.clone()).await.expect(200);
    assert_eq!(cookie_names(&answer), ["session_token", "-two_factor"]);
    assert_eq!(keys(&answer.json()), ["token", "user"]);
    assert!(browser.is_signed_in().await);
    let mut again = scene.half_way().await;
    ask(&mut again, "verify-backup-code", code).await.expect_code(401, "INVALID_BACKUP_CODE");
    for near in
        [app.backup_codes[1].to_uppercase(), app.backup_codes[1].replace('-', ""), String::new()]
    {
        if near != app.backup_codes[1] {
            let answer = ask(&mut again, "verify-backup-code", json!({ "code": near })).await;
            assert_eq!(
                answer.expect_code(401, "INVALID_BACKUP_CODE").json()["message"],
                "Invalid backup code"
            );
        }
    }
    ask(&mut again, "verify-backup-code", json!({ "code": app.backup_codes[1] })).await.expect(200);
}

#[tokio::test]
async fn a_code_without_a_session_leaves_the_challenge_open() {
    let (mut scene, app) = Scene::enrolled().await;
    let body = json!({ "code": app.backup_codes[0], "disableSession": true });
    let mut browser = scene.half_way().await;
    let answer = ask(&mut browser, "verify-backup-code", body.clone()).await.expect(200);
    assert_eq!(keys(&answer.json()), ["user"]);
    assert_eq!(cookie_names(&answer), [""; 0]);
    assert!(!browser.is_signed_in().await);
    ask(&mut browser, "verify-backup-code", body).await.expect_code(401, "INVALID_BACKUP_CODE");
    ask(&mut browser, "verify-backup-code", json!({ "code": app.backup_codes[1] }))
        .await
        .expect(200);

    let token = scene.user.token.clone();
    let body = json!({ "code": app.backup_codes[2], "disableSession": true });
    let answer = scene.ask("verify-backup-code", body).await.expect(200);
    assert_eq!(answer.json()["token"], json!(token));
}

#[tokio::test]
async fn new_codes_kill_the_old_ones_and_end_other_sessions() {
    let (mut scene, app) = Scene::enrolled().await;
    let mut other = scene.half_way().await;
    ask(&mut other, "verify-backup-code", json!({ "code": app.backup_codes[0] })).await.expect(200);
    let mut waiting = scene.half_way().await;

    let answer = scene
        .ask("generate-backup-codes", json!({ "password": PASSWORD }))
        .await
        .expect(200)
        .json();
    assert_eq!(answer["status"], true);
    let new = codes(&answer);
    assert_eq!(new.len(), 10);
    assert!(scene.user.browser.is_signed_in().await);
    assert!(!other.is_signed_in().await, "another session outlived the change");
    ask(&mut waiting, "verify-totp", json!({ "code": app.code() }))
        .await
        .expect_code(401, "INVALID_TWO_FACTOR_COOKIE");
    let mails = mails_about(&scene.urls.outbox, &scene.user.email, CHANGE_MAIL, 2).await;
    assert!(mails.iter().any(|mail| mail.contains("backup codes were")), "{mails:?}");

    let mut browser = scene.half_way().await;
    for old in &app.backup_codes[1..4] {
        ask(&mut browser, "verify-backup-code", json!({ "code": old }))
            .await
            .expect_code(401, "INVALID_BACKUP_CODE");
    }
    ask(&mut browser, "verify-backup-code", json!({ "code": new[0] })).await.expect(200);
}

#[tokio::test]
async fn codes_of_an_enrolment_that_was_never_finished_open_nothing() {
    let mut scene = Scene::with_mailed_codes().await;
    let app = scene.user.begins_enrolment().await;
    let code = json!({ "code": app.backup_codes[0] });
    let mut browser = scene.half_way().await;
    for _ in 0..7 {
        ask(&mut browser, "verify-backup-code", code.clone())
            .await
            .expect_code(400, "BACKUP_CODES_NOT_ENABLED");
    }
    ask(&mut browser, "verify-totp", json!({ "code": app.code() }))
        .await
        .expect_code(400, "TOTP_NOT_ENABLED");
    scene.ask("verify-backup-code", code).await.expect_code(400, "BACKUP_CODES_NOT_ENABLED");
    let password = json!({ "password": PASSWORD });
    scene
        .ask("generate-backup-codes", password.clone())
        .await
        .expect_code(400, "TWO_FACTOR_NOT_ENABLED");
    let mut nobody = Scene::new().await;
    nobody.ask("generate-backup-codes", password).await.expect_code(400, "TWO_FACTOR_NOT_ENABLED");
    nobody
        .ask("verify-backup-code", json!({ "code": "x" }))
        .await
        .expect_code(400, "BACKUP_CODES_NOT_ENABLED");
    assert!(!Browser::new(&scene.urls).is_signed_in().await);
}
