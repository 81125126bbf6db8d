//! How often a password may be guessed, from wherever the guesses come.

use e2e::{Answer, Browser, PASSWORD, Stores, User, own_stack};
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use stack::Stack;

/// The network where the owner is known.
const HOME: &str = "203.0.113.1";
const WRONG: &str = "not the password";
const JUDGED: usize = 10;

async fn sign_in_from(browser: &mut Browser, address: &str, email: &str, password: &str) -> Answer {
    let request = browser.request(Method::POST, "/api/auth/sign-in/email");
    let request = request.header("x-forwarded-for", address);
    browser.send(request.json(&json!({ "email": email, "password": password }))).await
}

/// One try from a browser and an address that nobody has seen before.
async fn stranger(stack: &Stack, number: usize, email: &str, password: &str) -> Answer {
    let address = format!("198.51.{}.{}", 100 + number / 250, 1 + number % 250);
    let mut browser = Browser::new(stack.urls());
    sign_in_from(&mut browser, &address, email, password).await
}

/// Somebody who has signed in at home.
async fn owner(stack: &Stack) -> User {
    let user = Browser::new(stack.urls()).sign_up().await;
    at_home(stack, &user, PASSWORD).await.expect(200);
    user
}

async fn at_home(stack: &Stack, user: &User, password: &str) -> Answer {
    sign_in_from(&mut Browser::new(stack.urls()), HOME, &user.email, password).await
}

#[track_caller]
fn expect_locked(answer: Answer) -> u64 {
    let answer = answer.expect_code(429, "TOO_MANY_ATTEMPTS");
    assert_eq!(answer.json()["message"], "Too many attempts. Please try again later.");
    assert_eq!(answer.header("retry-after"), answer.header("x-retry-after"));
    answer.header("retry-after").expect("when").parse().expect("a number")
}

async fn lock_out_strangers(stack: &Stack, email: &str) {
    for number in 0..JUDGED {
        stranger(stack, number, email, WRONG).await.expect(401);
    }
}

#[tokio::test]
async fn strangers_lock_out_strangers_and_not_the_owner() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    lock_out_strangers(&stack, &user.email).await;
    let wait = expect_locked(stranger(&stack, 100, &user.email, WRONG).await);
    assert!((800..=900).contains(&wait), "{wait}");
    // Not even with the right password: or guessing would go on.
    expect_locked(stranger(&stack, 101, &user.email, PASSWORD).await);
    at_home(&stack, &user, PASSWORD).await.expect(200);
    assert!(user.browser.clone().is_signed_in().await);
    // Others are not touched.
    let other = owner(&stack).await;
    stranger(&stack, 102, &other.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_address_without_an_account_is_treated_alike() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    let nobody = e2e::fresh_email();
    for number in 0..JUDGED + 3 {
        let known = stranger(&stack, number, &user.email, WRONG).await;
        let unknown = stranger(&stack, number, &nobody, WRONG).await;
        let seen = |answer: &Answer| (answer.status, answer.json(), answer.set_cookies());
        assert_eq!(seen(&known), seen(&unknown), "try {number}");
        let names = |answer: &Answer| {
            let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
            names.sort();
            names
        };
        assert_eq!(names(&known), names(&unknown), "try {number}");
        assert_eq!(known.status, if number < JUDGED { 401 } else { 429 });
    }
}

#[tokio::test]
async fn an_account_has_one_count_however_its_address_is_spelt() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    for number in 0..JUDGED {
        let spelt = match number % 3 {
            0 => user.email.clone(),
            1 => user.email.to_uppercase(),
            _ => user.email.replace("example", "eXample"),
        };
        stranger(&stack, number, &spelt, WRONG).await.expect(401);
    }
    expect_locked(stranger(&stack, 100, &user.email, WRONG).await);
    expect_locked(stranger(&stack, 101, &user.email.to_uppercase(), WRONG).await);
}

#[tokio::test]
async fn of_many_guesses_at_once_no_more_are_judged() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    let guesses = (0..80).map(|number| {
        let (stack, email) = (&stack, user.email.as_str());
        async move { stranger(stack, number, email, WRONG).await }
    });
    let answers = join_all(guesses).await;
    // Where all of them at once were too many for the service, some were not even counted.
    let mut judged = answers.iter().filter(|answer| answer.status == 401).count();
    for number in 100..100 + JUDGED {
        let answer = stranger(&stack, number, &user.email, WRONG).await;
        judged += usize::from(answer.status == 401);
    }
    assert!((1..=JUDGED).contains(&judged), "{judged} were judged: {answers:?}");
    expect_locked(stranger(&stack, 200, &user.email, PASSWORD).await);
}

#[tokio::test]
async fn a_known_network_has_a_count_of_its_own() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    for _ in 0..JUDGED {
        at_home(&stack, &user, WRONG).await.expect(401);
    }
    expect_locked(at_home(&stack, &user, PASSWORD).await);
    stranger(&stack, 1, &user.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_right_password_ends_the_count() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    for round in 0..3 {
        for number in 0..JUDGED - 1 {
            stranger(&stack, round * 50 + number, &user.email, WRONG).await.expect(401);
        }
        stranger(&stack, round * 50 + 40, &user.email, PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn a_lock_ends_and_the_next_is_longer() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = owner(&stack).await;
    lock_out_strangers(&stack, &user.email).await;
    let db = Stores::open(stack.urls()).await.db;
    let mut last = 900;
    for number in 0..4 {
        sqlx::query(
            "UPDATE identity.guess SET locked_until = now() WHERE locked_until IS NOT NULL",
        )
        .execute(&db)
        .await
        .expect("time passes");
        stranger(&stack, 100 + number, &user.email, WRONG).await.expect(401);
        let wait = expect_locked(stranger(&stack, 200 + number, &user.email, WRONG).await);
        assert!(wait > last + last / 2, "{wait} after {last}");
        last = wait;
    }
}

#[tokio::test]
async fn a_trusted_browser_is_let_in_from_wherever() {
    let (stack, _dir) = own_stack(&[]).await;
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let stores = Stores::open(stack.urls()).await;
    let app = user.enrols(&stores).await;
    let mut trusted = Browser::new(stack.urls());
    trusted.sign_in(&user.email, PASSWORD).await.expect(200);
    let body = json!({ "code": app.code(), "trustDevice": true });
    trusted.post("/api/auth/two-factor/verify-totp", &body).await.expect(200);

    lock_out_strangers(&stack, &user.email).await;
    expect_locked(stranger(&stack, 100, &user.email, PASSWORD).await);
    let away = "192.0.2.77";
    let answer = sign_in_from(&mut trusted, away, &user.email, PASSWORD).await.expect(200);
    assert!(answer.json()["token"].is_string(), "{answer:?}");
    // Another user's trust is none.
    let other = owner(&stack).await;
    lock_out_strangers(&stack, &other.email).await;
    expect_locked(sign_in_from(&mut trusted, away, &other.email, PASSWORD).await);
}

/// The count is where the password is checked, so it does not matter which route asks.
#[tokio::test]
async fn a_stolen_session_has_ten_guesses_over_all_routes() {
    let (stack, _dir) = own_stack(&[("AUTH_DELETE_USER", "true")]).await;
    let user = owner(&stack).await;
    let mut thief = user.browser.clone();
    for number in 0..JUDGED {
        let (path, body) = match number % 4 {
            0 => ("/api/auth/verify-password", json!({ "password": WRONG })),
            1 => (
                "/api/auth/change-password",
                json!({ "currentPassword": WRONG, "newPassword": "another password" }),
            ),
            2 => ("/api/auth/delete-user", json!({ "password": WRONG })),
            _ => ("/api/auth/two-factor/enable", json!({ "password": WRONG })),
        };
        thief.post(path, &body).await.expect_code(400, "INVALID_PASSWORD");
    }
    for path in ["/api/auth/verify-password", "/api/auth/two-factor/enable"] {
        expect_locked_in_session(thief.post(path, &json!({ "password": PASSWORD })).await);
    }
    at_home(&stack, &user, PASSWORD).await.expect(200);
}

#[track_caller]
fn expect_locked_in_session(answer: Answer) {
    answer.expect_code(429, "TOO_MANY_ATTEMPTS");
}

#[tokio::test]
async fn a_new_password_opens_the_door_to_its_owner() {
    const KEY: &str = "the-recovery-key-of-this-test";
    let (stack, _dir) = own_stack(&[("ADMIN_RECOVERY_KEY", KEY)]).await;
    let user = owner(&stack).await;
    lock_out_strangers(&stack, &user.email).await;
    expect_locked(stranger(&stack, 100, &user.email, PASSWORD).await);
    let new = "a new battery staple";
    let body = json!({ "email": user.email, "newPassword": new, "recoveryKey": KEY });
    Browser::new(stack.urls()).post("/api/admin/reset-password", &body).await.expect(200);
    stranger(&stack, 101, &user.email, new).await.expect(200);
}

/// One guess each, for many accounts, from many addresses.
#[tokio::test]
async fn stuffing_is_braked_and_owners_are_not() {
    let (stack, _dir) = own_stack(&[("AUTH_STRANGER_GUESSES", "5")]).await;
    let user = owner(&stack).await;
    let mut answers = Vec::new();
    for number in 0..40 {
        answers.push(stranger(&stack, number, &e2e::fresh_email(), WRONG).await);
    }
    let judged = answers.iter().filter(|answer| answer.status == 401).count();
    // The minute may have changed once meanwhile.
    assert!(judged == 5 || judged == 10, "{judged}");
    let braked = answers.into_iter().filter(|answer| answer.status == 429);
    for answer in braked {
        assert!((1..=60).contains(&expect_locked(answer)));
    }
    at_home(&stack, &user, PASSWORD).await.expect(200);
    at_home(&stack, &user, WRONG).await.expect(401);
    let metrics = format!("{}/metrics", stack.urls().admin[&stack::Process::Identity]);
    let metrics = reqwest::get(metrics).await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("passwords_braked_total{brake=\"Strangers\"}"), "{metrics}");
    let log = std::fs::read_to_string(stack.log_file(stack::Process::Identity)).expect("a log");
    assert!(log.contains("wrong passwords for many accounts"), "{log}");
}

/// A right password is nobody's guess.
#[tokio::test]
async fn right_passwords_use_up_nothing() {
    let (stack, _dir) = own_stack(&[("AUTH_STRANGER_GUESSES", "1")]).await;
    let user = owner(&stack).await;
    for number in 0..10 {
        stranger(&stack, number, &user.email, PASSWORD).await.expect(200);
    }
}

/// Rows of addresses that nobody has go away by themselves.
#[tokio::test]
async fn what_counts_no_more_is_deleted() {
    let (stack, _dir) = own_stack(&[]).await;
    for number in 0..5 {
        stranger(&stack, number, &e2e::fresh_email(), WRONG).await.expect(401);
    }
    let db = Stores::open(stack.urls()).await.db;
    let aged = sqlx::query("UPDATE identity.guess SET ends_at = now()").execute(&db).await;
    assert_eq!(aged.expect("time passes").rows_affected(), 5);
    // The service looks when it starts, and every minute after that.
    stack.kill(stack::Process::Identity).await;
    stack.launch(stack::Process::Identity).await;
    let gone = e2e::eventually(|| async {
        let left: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.guess")
            .fetch_one(&db)
            .await
            .expect("Postgres answers");
        (left == 0).then_some(Value::Null)
    });
    gone.await.expect("deleted");
}
