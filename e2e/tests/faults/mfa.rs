//! mfa-svc away: whoever has a second factor stays outside, everybody else notices nothing.

use contract::identity::SetTwoFactor;
use e2e::{Algorithm, Browser, How, Opener, PASSWORD, Passkey, Stores, own_stack};
use serde_json::json;
use stack::Process;

#[tokio::test]
async fn without_mfa_svc_nobody_skips_their_second_factor_and_all_others_sign_in() {
    let (stack, _dir) = own_stack(&[]).await;
    let stores = Stores::open(stack.urls()).await;
    let mut guarded = Browser::new(stack.urls()).sign_up().await;
    let app = guarded.enrols(&stores).await;
    let mut plain = Browser::new(stack.urls()).sign_up().await;
    let mut half_way = Browser::new(stack.urls());
    half_way.sign_in(&guarded.email, PASSWORD).await.expect(200);
    let mut trusted = Browser::new(stack.urls());
    trusted.sign_in(&guarded.email, PASSWORD).await.expect(200);
    let body = json!({ "code": app.backup_codes[0], "trustDevice": true });
    trusted.post("/api/auth/two-factor/verify-backup-code", &body).await.expect(200);

    stack.kill(Process::Mfa).await;
    for browser in [Browser::new(stack.urls()), trusted.clone()] {
        let mut browser = browser;
        let answer = browser.sign_in(&guarded.email, PASSWORD).await;
        assert!(answer.is_clean_outage(), "{answer:?}");
        assert!(!answer.body.contains("token"), "{answer:?}");
    }
    // A wrong password is told as ever, so the outage says nothing to strangers.
    Browser::new(stack.urls()).sign_in(&guarded.email, "wrong horse").await.expect(401);
    let code = json!({ "code": app.code() });
    let answer = half_way.post("/api/auth/two-factor/verify-totp", &code).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    assert!(guarded.browser.is_signed_in().await && trusted.is_signed_in().await);
    assert!(plain.browser.is_signed_in().await);
    Browser::new(stack.urls()).sign_in(&plain.email, PASSWORD).await.expect(200);

    stack.launch(Process::Mfa).await;
    stack.wait_ready().await.expect("ready again");
    half_way
        .post("/api/auth/two-factor/verify-totp", &json!({ "code": app.code() }))
        .await
        .expect(200);
    assert!(half_way.is_signed_in().await, "a challenge did not survive the restart");
}

/// A passkey is judged by mfa-svc alone, so without it nobody comes in by one; who is in,
/// stays, and a ceremony that was begun before goes on afterwards.
#[tokio::test]
async fn without_mfa_svc_nobody_signs_in_with_a_passkey_and_sessions_go_on() {
    let (stack, _dir) = own_stack(&[]).await;
    let how = How::on(&stack.urls().frontend_url);
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let mut passkey = Passkey::new(Algorithm::Es256);
    let path = "/api/auth/passkey/generate-register-options";
    let options = user.browser.get(path).await.expect(200).json();
    let body = json!({ "response": passkey.register(&options, &how) });
    user.browser.post("/api/auth/passkey/verify-registration", &body).await.expect(200);

    let (begin, finish) = (
        "/api/auth/passkey/generate-authenticate-options",
        "/api/auth/passkey/verify-authentication",
    );
    let mut browser = Browser::new(stack.urls());
    let options = browser.get(begin).await.expect(200).json();
    let body = json!({ "response": passkey.assert(&options, &how) });
    stack.kill(Process::Mfa).await;
    for answer in [browser.post(finish, &body).await, browser.clone().get(begin).await] {
        assert!(answer.is_clean_outage(), "{answer:?}");
    }
    assert!(user.browser.is_signed_in().await && !browser.is_signed_in().await);
    Browser::new(stack.urls()).sign_in(&user.email, PASSWORD).await.expect(200);

    stack.launch(Process::Mfa).await;
    stack.wait_ready().await.expect("ready again");
    browser.post(finish, &body).await.expect(200);
    assert!(browser.is_signed_in().await, "a ceremony did not survive the restart");
    browser.post(finish, &body).await.expect_code(400, "CHALLENGE_NOT_FOUND");
}

#[tokio::test]
async fn wrong_codes_are_remembered_over_a_restart() {
    let (stack, _dir) = own_stack(&[]).await;
    let stores = Stores::open(stack.urls()).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let app = user.enrols(&stores).await;
    for _ in 0..2 {
        let mut stranger = Browser::new(stack.urls());
        stranger.sign_in(&user.email, PASSWORD).await.expect(200);
        for _ in 0..5 {
            let wrong = json!({ "code": app.wrong_code() });
            stranger
                .post("/api/auth/two-factor/verify-totp", &wrong)
                .await
                .expect_code(401, "INVALID_CODE");
        }
        stack.kill(Process::Mfa).await;
        stack.launch(Process::Mfa).await;
        stack.wait_ready().await.expect("ready again");
    }
    let mut stranger = Browser::new(stack.urls());
    stranger.sign_in(&user.email, PASSWORD).await.expect(200);
    let answer =
        stranger.post("/api/auth/two-factor/verify-totp", &json!({ "code": app.code() })).await;
    answer.expect_code(429, "ACCOUNT_TEMPORARILY_LOCKED");
}

/// The change is written where the code was used up, and told to the others when they are
/// back: never half a factor.
#[tokio::test]
async fn an_enrolment_that_is_completed_without_identity_svc_counts_when_it_is_back() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let mut other = Browser::new(stack.urls());
    other.sign_in(&user.email, PASSWORD).await.expect(200);
    let app = user.begins_enrolment().await;
    stack.kill(Process::Identity).await;
    let answer =
        user.browser.post("/api/auth/two-factor/verify-totp", &json!({ "code": app.code() })).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    stack.launch(Process::Identity).await;
    stack.wait_ready().await.expect("ready again");
    let urls = stack.urls();
    let asked = e2e::eventually(|| async {
        let answer = Browser::new(urls).sign_in(&user.email, PASSWORD).await;
        (answer.status == 200 && answer.json()["twoFactorRedirect"] == true).then_some(())
    });
    asked.await.expect("the factor counts");
    let ended = e2e::eventually(|| async { (!other.clone().is_signed_in().await).then_some(()) });
    ended.await.expect("other sessions end");
    assert!(user.browser.is_signed_in().await, "the session of the change ended too");
}

/// Whoever is told of a change a second time does not call it done before the sessions
/// that it ends have ended, whoever sees to that.
#[tokio::test]
async fn a_change_that_is_told_twice_is_done_when_other_sessions_have_ended() {
    let (stack, dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let mut other = Browser::new(stack.urls());
    other.sign_in(&user.email, PASSWORD).await.expect(200);
    let session = user.browser.session().await;
    let call = json!({
        "change": "01a20efc-7cbe-7298-9c18-8b5848df5019",
        "user_id": user.id,
        "enabled": true,
        "kept": session["session"]["id"],
    });
    let call: SetTwoFactor = serde_json::from_value(call).expect("a call");
    let opener = Opener::connect(stack.urls(), dir.path()).await;
    stack.pause(Process::Session);
    for _ in 0..2 {
        assert_eq!(opener.ask_once(&call).await, None, "done without session-svc");
    }
    stack.resume(Process::Session);
    assert!(opener.ask(&call).await.expect("the user").user.two_factor_enabled);
    assert!(!other.is_signed_in().await, "acknowledged too early");
    assert!(user.browser.is_signed_in().await);
}
