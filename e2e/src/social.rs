//! Signing in by a social provider: the stand-ins of `examples/providers`, told by a wish
//! who it is and what goes wrong.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use rand::RngExt;
use reqwest::{Client, redirect::Policy};
use serde_json::{Value, json};
use url::Url;

use crate::{answer::Answer, browser::Browser};

/// An id that nobody has at GitHub or Discord.
#[must_use]
pub fn fresh_id() -> u64 {
    rand::rng().random_range(1_000_000..u64::from(u32::MAX))
}

/// Somebody at GitHub, whose primary address is this one.
#[must_use]
pub fn github(id: u64, email: &str, verified: bool) -> Value {
    json!({
        "person": { "id": id, "login": format!("octo-{id}"), "name": "Octo Cat", "email": null },
        "emails": [{ "email": email, "primary": true, "verified": verified, "visibility": null }],
    })
}

#[must_use]
pub fn discord(id: u64, email: &str, verified: bool) -> Value {
    json!({ "person": { "id": id.to_string(), "email": email, "verified": verified } })
}

#[must_use]
pub fn google(id: u64, email: &str, verified: bool) -> Value {
    json!({ "person": { "sub": id.to_string(), "email": email, "email_verified": verified } })
}

/// A wish with more to it.
#[must_use]
pub fn with(mut wish: Value, name: &str, value: Value) -> Value {
    wish[name] = value;
    wish
}

/// What somebody does at the provider's page `url`: the address the browser is sent back
/// to, without its origin.
pub async fn at_provider(url: &str, wish: &Value) -> String {
    let mut url = Url::parse(url).expect("an address");
    let packed = BASE64_URL_SAFE_NO_PAD.encode(wish.to_string());
    url.query_pairs_mut().append_pair("wish", &packed);
    let client = Client::builder().redirect(Policy::none()).build().expect("a client");
    let answer = client.get(url).send().await.expect("the provider answers");
    let status = answer.status();
    let location =
        answer.headers().get("location").map(|value| value.to_str().expect("ASCII").to_owned());
    let text = answer.text().await.expect("text");
    let location = location.unwrap_or_else(|| panic!("the provider refused: {status} {text}"));
    let back = Url::parse(&location).expect("an address");
    back[url::Position::BeforePath..].to_owned()
}

impl Browser {
    /// Begins a sign-in; the answer names the provider's page.
    pub async fn begin_social(&mut self, body: &Value) -> Answer {
        self.post("/api/auth/sign-in/social", body).await
    }

    /// Begins a sign-in and goes through the provider's page: the path back.
    pub async fn to_provider_and_back(&mut self, body: &Value, wish: &Value) -> String {
        let begun = self.begin_social(body).await.expect(200).json();
        at_provider(begun["url"].as_str().expect("an address"), wish).await
    }

    /// All of a sign-in; the answer is the last redirect.
    pub async fn sign_in_socially(&mut self, provider: &str, wish: &Value) -> Answer {
        let body = json!({
            "provider": provider, "callbackURL": "/dash", "errorCallbackURL": "/failed",
            "newUserCallbackURL": "/welcome",
        });
        let back = self.to_provider_and_back(&body, wish).await;
        self.get(&back).await
    }

    /// The same for an identity to be added to whoever is signed in.
    pub async fn link_socially(&mut self, provider: &str, wish: &Value) -> Answer {
        let body = json!({ "provider": provider, "callbackURL": "/linked", "errorCallbackURL": "/failed" });
        let begun = self.post("/api/auth/link-social", &body).await.expect(200).json();
        let back = at_provider(begun["url"].as_str().expect("an address"), wish).await;
        self.get(&back).await
    }
}

#[expect(
    clippy::must_use_candidate,
    clippy::return_self_not_must_use,
    reason = "to expect is often all there is to do"
)]
impl Answer {
    /// Expects a redirect to exactly this place.
    #[track_caller]
    pub fn expect_redirect(self, target: &str) -> Self {
        let answer = self.expect(302);
        assert_eq!(answer.header("location"), Some(target), "{answer:?}");
        answer
    }

    /// Expects that a social flow ended on its own error page with this code.
    #[track_caller]
    pub fn expect_social_failure(self, code: &str) -> Self {
        self.expect_redirect(&format!("/failed?error={code}"))
    }
}
