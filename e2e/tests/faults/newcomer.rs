//! Somebody new, where addresses are verified by mail.

use e2e::{Browser, PASSWORD, fresh_email, mail_to, path_in};
use serde_json::{Value, json};
use stack::Urls;

const SIGN_UP: &str = "/api/auth/sign-up/email";

/// Addresses are verified by mail, as in production, and a test may ask as often as it
/// likes.
pub(crate) const PRODUCTION: &[(&str, &str)] = &[("NODE_ENV", "production"), ("RATE_LIMIT", "off")];

/// Somebody new, with an address not yet verified.
pub(crate) async fn signs_up(urls: &Urls) -> String {
    let (email, body) = form();
    Browser::new(urls).post(SIGN_UP, &body).await.expect(200);
    email
}

/// The same where the answer may be to come again later.
pub(crate) async fn signs_up_patiently(urls: &Urls) -> String {
    let (email, body) = form();
    Browser::new(urls).post_patiently(SIGN_UP, &body).await.expect(200);
    email
}

/// A user with a verified address who is signed in.
pub(crate) async fn a_user(urls: &Urls) -> (Browser, String) {
    let email = signs_up_patiently(urls).await;
    let link = path_in(&mail_to(&urls.outbox, &email).await);
    let mut browser = Browser::new(urls);
    browser.get(&link).await.expect(302);
    browser.sign_in(&email, PASSWORD).await.expect(200);
    (browser, email)
}

fn form() -> (String, Value) {
    let email = fresh_email();
    let body = json!({ "name": "Ann", "email": email, "password": PASSWORD });
    (email, body)
}
