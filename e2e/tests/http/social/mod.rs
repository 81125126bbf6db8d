//! `/api/auth/sign-in/social`, `/callback/*`, `/link-social` and what follows from them,
//! with the stand-ins of `examples/providers`.

mod bans;
mod discord;
mod github;
mod google;
mod id_token;
mod linking;
mod races;
mod redirects;
mod squatting;
mod state;
mod tokens;
mod two_factor;
mod unlinking;

use e2e::{Browser, Stores, User, shared};
use serde_json::{Value, json};

/// Somebody who has never been here.
pub(crate) async fn stranger() -> Browser {
    Browser::new(&shared().await)
}

pub(crate) async fn stores() -> Stores {
    Stores::open(&shared().await).await
}

/// A user who has signed up with a password, and whose address is proved.
pub(crate) async fn proved_user() -> User {
    let user = stranger().await.sign_up().await;
    let proved = sqlx::query(
        "UPDATE identity.user SET email_verified = true, version = version + 1 WHERE id = $1",
    );
    proved.bind(&user.id).execute(&stores().await.db).await.expect("the address is proved");
    user
}

/// Whoever is signed in here.
pub(crate) async fn user_of(browser: &mut Browser) -> Value {
    let session = browser.session().await;
    assert!(!session.is_null(), "nobody is signed in");
    session["user"].clone()
}

pub(crate) async fn accounts_of(browser: &mut Browser) -> Vec<Value> {
    let accounts = browser.get("/api/auth/list-accounts").await.expect(200).json();
    accounts.as_array().expect("a list").clone()
}

/// The providers of whoever is signed in here, sorted.
pub(crate) async fn providers_of(browser: &mut Browser) -> Vec<String> {
    let accounts = accounts_of(browser).await.into_iter();
    let mut providers: Vec<_> =
        accounts.map(|account| account["providerId"].as_str().expect("text").to_owned()).collect();
    providers.sort_unstable();
    providers
}

/// A sign-in that names no page but the first.
pub(crate) fn plain(provider: &str) -> Value {
    json!({ "provider": provider, "callbackURL": "/dash", "errorCallbackURL": "/failed" })
}
