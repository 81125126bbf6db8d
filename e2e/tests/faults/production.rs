//! Production: addresses are verified before anybody is signed in.

use std::time::Duration;

use auth_types::{Clock, SystemClock};
use e2e::{
    Answer, Browser, PASSWORD, StackDir, User, expect_id, expect_user, fresh_email, keys, link_in,
    mail_to, mails_to, own_stack, text,
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use stack::{Stack, Urls};

const SECRET: &str = "the-root-secret-of-this-test-0123456789";
const SIGN_UP: &str = "/api/auth/sign-up/email";
const VERIFY: &str = "/api/auth/verify-email";

async fn production() -> (Stack, StackDir) {
    own_stack(&[("NODE_ENV", "production"), ("RATE_LIMIT", "off"), ("BETTER_AUTH_SECRET", SECRET)])
        .await
}

async fn sign_up(urls: &Urls, email: &str) -> Answer {
    Browser::new(urls).post(SIGN_UP, &form(email)).await
}

fn form(email: &str) -> Value {
    json!({ "name": "Ann", "email": email, "password": PASSWORD })
}

/// Somebody who has signed up and not yet verified their address, with the path
/// and query of the link they were sent.
async fn newcomer(urls: &Urls) -> (User, String) {
    let email = fresh_email();
    let answer = sign_up(urls, &email).await.expect(200).json();
    let link = link_in(&mail_to(&urls.outbox, &email).await);
    let link = link.strip_prefix(&urls.gateway_url).expect("a link to the gateway").to_owned();
    let id = text(&answer["user"]["id"]).to_owned();
    (User { browser: Browser::new(urls), email, id, token: String::new() }, link)
}

/// A verification token with these claims.
fn signed(claims: &Value, algorithm: Algorithm, secret: &str) -> String {
    let mut header = Header::new(algorithm);
    header.typ = None;
    encode(&header, claims, &EncodingKey::from_secret(secret.as_bytes())).expect("a token")
}

/// Claims for this user that expire at some time from now, or did before.
fn claims(user: &User, expires_in: i64) -> Value {
    let now = SystemClock.now().unix_seconds();
    json!({ "email": user.email, "userId": user.id, "iat": now - 7200, "exp": now + expires_in })
}

async fn verify(urls: &Urls, token: &str) -> Answer {
    Browser::new(urls).get(&format!("{VERIFY}?token={token}")).await
}

fn token_of(link: &str) -> &str {
    let (_, rest) = link.split_once("?token=").expect("a token");
    rest.split('&').next().expect("a token")
}

#[tokio::test]
async fn nobody_is_signed_in_before_the_address_is_verified() {
    let (stack, _dir) = production().await;
    signing_up_signs_nobody_in(stack.urls()).await;
    that_an_address_is_not_verified_is_told_to_who_knows_the_password(stack.urls()).await;
}

async fn signing_up_signs_nobody_in(urls: &Urls) {
    let email = fresh_email();
    let answer = sign_up(urls, &email).await.expect(200);
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
    let body = answer.json();
    assert_eq!(keys(&body), ["token", "user"]);
    assert_eq!(body["token"], Value::Null);
    expect_user(&body["user"]);
    assert_eq!(body["user"]["email"], email);
    assert_eq!(body["user"]["emailVerified"], false);
}

#[tokio::test]
async fn that_an_address_is_taken_is_not_told() {
    let (stack, _dir) = production().await;
    a_taken_address_is_not_told_and_not_mailed(stack.urls()).await;
    simultaneous_sign_ups_with_one_address_look_alike(stack.urls()).await;
}

async fn a_taken_address_is_not_told_and_not_mailed(urls: &Urls) {
    let email = fresh_email();
    let first = sign_up(urls, &email).await.expect(200);
    mail_to(&urls.outbox, &email).await;
    let second = sign_up(urls, &email.to_uppercase()).await.expect(200);

    let (mine, made_up) = (first.json(), second.json());
    // To the last field and to the order of the fields.
    let blank = |answer: &Answer| {
        let body = answer.json();
        let variable =
            ["id", "createdAt", "updatedAt"].map(|name| text(&body["user"][name]).to_owned());
        variable.iter().fold(answer.body.clone(), |body, value| body.replace(value.as_str(), "…"))
    };
    assert_eq!(blank(&first), blank(&second));
    assert_eq!(made_up["user"]["role"], "user");
    assert_eq!(made_up["user"]["createdAt"], made_up["user"]["updatedAt"]);
    expect_id(&made_up["user"]["id"]);
    assert_ne!(mine["user"]["id"], made_up["user"]["id"]);
    let names =
        |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(names(&first), names(&second));

    // What was promised later has arrived, so nothing is still on its way.
    newcomer(urls).await;
    assert_eq!(mails_to(&urls.outbox, &email).len(), 1);
}

async fn simultaneous_sign_ups_with_one_address_look_alike(urls: &Urls) {
    let (urls, email) = (urls, fresh_email());
    let form = form(&email);
    // So many hashes at once may be too many for a busy machine.
    let signs_up = async || Browser::new(urls).post_patiently(SIGN_UP, &form).await;
    let answers = futures_util::future::join_all((0..10).map(|_| signs_up())).await;
    for answer in answers {
        let body = answer.expect(200).json();
        assert_eq!((&body["token"], text(&body["user"]["role"])), (&Value::Null, "user"));
    }
    mail_to(&urls.outbox, &email).await;
    newcomer(urls).await;
    assert_eq!(mails_to(&urls.outbox, &email).len(), 1);
}

async fn that_an_address_is_not_verified_is_told_to_who_knows_the_password(urls: &Urls) {
    let (mut user, _) = newcomer(urls).await;
    let answer = user.browser.sign_in(&user.email, PASSWORD).await.expect(403);
    let expected = json!({ "message": "Email not verified", "code": "EMAIL_NOT_VERIFIED" });
    assert_eq!(answer.json(), expected);
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
    let answer = user.browser.sign_in(&user.email, "wrong horse battery").await;
    answer.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
}

#[tokio::test]
async fn a_link_verifies_an_address() {
    let (stack, _dir) = production().await;
    whoever_follows_the_link_may_sign_in(stack.urls()).await;
    the_link_leads_back_to_where_the_user_came_from(stack.urls()).await;
}

async fn whoever_follows_the_link_may_sign_in(urls: &Urls) {
    let (mut user, link) = newcomer(urls).await;
    assert!(
        link.starts_with(&format!("{VERIFY}?token=")) && link.ends_with("&callbackURL=%2F"),
        "{link}"
    );

    let plain = format!("{VERIFY}?token={}", token_of(&link));
    let verified = json!({ "status": true, "user": null });
    let answer = user.browser.get(&plain).await.expect(200);
    assert_eq!(answer.json(), verified);
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
    // A second click, and the link as it was sent.
    assert_eq!(user.browser.get(&plain).await.expect(200).json(), verified);
    let answer = user.browser.get(&link).await.expect_empty(302);
    assert_eq!(answer.header("location"), Some("/"));

    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
    let session = user.browser.session().await;
    assert_eq!(session["user"]["id"], user.id);
    assert_eq!(session["user"]["emailVerified"], true);
}

async fn the_link_leads_back_to_where_the_user_came_from(urls: &Urls) {
    let (email, callback) = (fresh_email(), format!("{}/welcome?a=b&c=d#e", urls.frontend_url));
    let body =
        json!({ "name": "Ann", "email": email, "password": PASSWORD, "callbackURL": callback });
    let mut browser = Browser::new(urls);
    browser.post(SIGN_UP, &body).await.expect(200);
    let link = link_in(&mail_to(&urls.outbox, &email).await);
    let link = link.strip_prefix(&urls.gateway_url).expect("a link to the gateway");
    let answer = browser.get(link).await.expect_empty(302);
    assert_eq!(answer.header("location"), Some(callback.as_str()));
    assert!(answer.set_cookies().is_empty(), "{answer:?}");
    browser.sign_in(&email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn only_a_link_of_ours_and_of_the_last_hour_verifies() {
    let (stack, _dir) = production().await;
    a_link_that_we_did_not_make_verifies_nobody(stack.urls()).await;
    a_link_is_over_after_an_hour(stack.urls()).await;
}

async fn a_link_that_we_did_not_make_verifies_nobody(urls: &Urls) {
    let (mut user, link) = newcomer(urls).await;
    let (other, _) = newcomer(urls).await;
    let good = token_of(&link);
    let (unsigned, signature) = good.rsplit_once('.').expect("three parts");
    let without = |name: &str| {
        let mut claims = claims(&user, 3600);
        claims.as_object_mut().expect("claims").remove(name);
        signed(&claims, Algorithm::HS256, SECRET)
    };
    let mut anothers = claims(&user, 3600);
    anothers["userId"] = json!(other.id);
    for token in [
        "bad".to_owned(),
        String::new(),
        "a.b.c".to_owned(),
        unsigned.to_owned(),
        format!("{unsigned}."),
        format!("{unsigned}.{}", signature.chars().rev().collect::<String>()),
        signed(&claims(&user, 3600), Algorithm::HS256, "another-secret-of-good-length-0123456789"),
        signed(&claims(&user, 3600), Algorithm::HS512, SECRET),
        format!("eyJhbGciOiJub25lIn0.{}.", unsigned.split_once('.').expect("two parts").1),
        without("exp"),
        without("email"),
        without("userId"),
        signed(&anothers, Algorithm::HS256, SECRET),
    ] {
        let answer = verify(urls, &token).await.expect(401);
        let expected = json!({ "message": "Invalid token", "code": "INVALID_TOKEN" });
        assert_eq!(answer.json(), expected, "{token}");
    }
    let nobody = json!({ "email": "nobody@example.com", "userId": user.id, "exp": 4_000_000_000_i64, "iat": 0 });
    let answer = verify(urls, &signed(&nobody, Algorithm::HS256, SECRET)).await.expect(401);
    assert_eq!(answer.json(), json!({ "message": "User not found", "code": "USER_NOT_FOUND" }));
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(403, "EMAIL_NOT_VERIFIED");
}

async fn a_link_is_over_after_an_hour(urls: &Urls) {
    let (mut user, _) = newcomer(urls).await;
    for late in [0, -1, -3600] {
        let token = signed(&claims(&user, late), Algorithm::HS256, SECRET);
        let answer = verify(urls, &token).await.expect(401);
        assert_eq!(answer.json(), json!({ "message": "Token expired", "code": "TOKEN_EXPIRED" }));
    }
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(403, "EMAIL_NOT_VERIFIED");
    let token = signed(&claims(&user, 60), Algorithm::HS256, SECRET);
    verify(urls, &token).await.expect(200);
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn a_link_that_is_wrong_leads_nowhere_else() {
    let (stack, _dir) = production().await;
    a_page_is_told_what_was_wrong_with_a_link(stack.urls()).await;
    no_link_leads_away(stack.urls()).await;
    a_link_without_its_token_is_told(stack.urls()).await;
}

async fn a_page_is_told_what_was_wrong_with_a_link(urls: &Urls) {
    let (user, _) = newcomer(urls).await;
    let expired = signed(&claims(&user, -1), Algorithm::HS256, SECRET);
    let page = format!("{}/verify", urls.frontend_url);
    for (token, callback, location) in [
        ("bad", "/verify", "/verify?error=INVALID_TOKEN".to_owned()),
        ("bad", "/verify%3Fa%3Db%23c", "/verify?a=b&error=INVALID_TOKEN#c".to_owned()),
        (expired.as_str(), page.as_str(), format!("{page}?error=TOKEN_EXPIRED")),
    ] {
        let path = format!("{VERIFY}?token={token}&callbackURL={callback}");
        let answer = Browser::new(urls).get(&path).await.expect_empty(302);
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }
}

async fn no_link_leads_away(urls: &Urls) {
    let (mut user, link) = newcomer(urls).await;
    for callback in [
        "%2F%2Fevil.com",
        "https%3A%2F%2Fevil.com",
        "%2F..%2F%2Fevil.com",
        "%2F.%2F%2Fevil.com",
        "%2F%252e%252e%2F%2Fevil.com",
        "%2F%5Cevil.com",
        "%2Fa%0d%0aSet-Cookie:x=y",
        "javascript%3Aalert(1)",
    ] {
        for token in ["bad", token_of(&link)] {
            let path = format!("{VERIFY}?token={token}&callbackURL={callback}");
            let answer = user.browser.get(&path).await.expect_code(403, "INVALID_CALLBACK_URL");
            assert_eq!(answer.header("location"), None, "{callback}");
        }
    }
    user.browser.sign_in(&user.email, PASSWORD).await.expect_code(403, "EMAIL_NOT_VERIFIED");
}

async fn a_link_without_its_token_is_told(urls: &Urls) {
    let mut browser = Browser::new(urls);
    let answer = browser.get(VERIFY).await.expect(400);
    let message = "[query.token] Invalid input: expected string, received undefined";
    assert_eq!(answer.json(), json!({ "message": message, "code": "VALIDATION_ERROR" }));
    for query in
        ["token=a&token=b", "token=x&callbackURL=/a&callbackURL=/b", "token=%00", "token=%ff"]
    {
        let answer = browser.get(&format!("{VERIFY}?{query}")).await;
        assert!((400..500).contains(&answer.status), "{query}: {answer:?}");
    }
}

#[tokio::test]
async fn a_session_shows_at_once_that_the_address_is_verified() {
    let (stack, _dir) = production().await;
    let urls = stack.urls();
    let (user, link) = newcomer(urls).await;
    let mut first = user.browser.clone();
    first.get(&link).await.expect(302);
    first.sign_in(&user.email, PASSWORD).await.expect(200);
    // As an operator would, behind the system's back; the next link tells everybody.
    let stores = e2e::Stores::open(urls).await;
    sqlx::query(
        "UPDATE identity.user SET email_verified = false, version = version + 1 WHERE id = $1",
    )
    .bind(&user.id)
    .execute(&stores.db)
    .await
    .expect("Postgres answers");
    let before = first.session().await["user"]["updatedAt"].clone();
    first.get(&link).await.expect(302);
    let after = first.session().await["user"].clone();
    assert_eq!(after["emailVerified"], true);
    assert!(e2e::instant(&after["updatedAt"]).since(e2e::instant(&before)) > Duration::ZERO);
}
