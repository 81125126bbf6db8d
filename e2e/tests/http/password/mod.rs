//! Passwords: changed, checked, forgotten, and kept in more than one form.

mod change;
mod hashes;
mod reset;
mod reset_link;
mod reset_request;
mod verify;

use e2e::{Browser, PASSWORD, User, shared};

pub(crate) const NEW_PASSWORD: &str = "another battery horse";
pub(crate) const RESET_SUBJECT: &str = "Choose a new password";
pub(crate) const CHANGED_SUBJECT: &str = "Your password was changed";

pub(crate) async fn new_user() -> User {
    Browser::new(&shared().await).sign_up().await
}

/// The same user in another browser.
pub(crate) async fn signed_in(user: &User) -> Browser {
    let mut browser = Browser::new(&shared().await);
    browser.sign_in(&user.email, PASSWORD).await.expect(200);
    browser
}

/// Expects the new password to sign in, and the old one not to.
pub(crate) async fn expect_new_password(email: &str) {
    let mut browser = Browser::new(&shared().await);
    browser.sign_in(email, PASSWORD).await.expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
    browser.sign_in(email, NEW_PASSWORD).await.expect(200);
}
