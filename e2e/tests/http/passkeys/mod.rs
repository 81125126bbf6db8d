//! `/api/auth/passkey/*`

mod authentication;
mod ceremonies;
mod counters;
mod malformed;
mod management;
mod registration;
mod second_factor;

use e2e::{Algorithm, Answer, Browser, How, Passkey, Stores, User, shared};
use serde_json::{Value, json};
use stack::Urls;

pub(crate) const ADDED_MAIL: &str = "A passkey was added to your account";
pub(crate) const REMOVED_MAIL: &str = "A passkey was removed from your account";

/// A user, signed in in a browser of their own.
pub(crate) struct Scene {
    pub(crate) urls: Urls,
    pub(crate) stores: Stores,
    pub(crate) user: User,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let urls = shared().await;
        let stores = Stores::open(&urls).await;
        Self { user: Browser::new(&urls).sign_up().await, stores, urls }
    }

    /// With a passkey.
    pub(crate) async fn with_passkey() -> (Self, Passkey) {
        let mut scene = Self::new().await;
        let passkey = scene.registers().await;
        (scene, passkey)
    }

    /// An honest ceremony on a page of the panel.
    pub(crate) fn how(&self) -> How {
        How::on(&self.urls.frontend_url)
    }

    pub(crate) async fn registers(&mut self) -> Passkey {
        let mut passkey = Passkey::new(Algorithm::Es256);
        let options = self.register_options().await;
        let response = passkey.register(&options, &self.how());
        self.verify_registration(&response).await.expect(200);
        passkey
    }

    pub(crate) async fn register_options(&mut self) -> Value {
        register_options(&mut self.user.browser).await
    }

    pub(crate) async fn verify_registration(&mut self, response: &Value) -> Answer {
        verify_registration(&mut self.user.browser, response).await
    }

    /// Somebody new, in a browser that has never been here.
    pub(crate) fn stranger(&self) -> Browser {
        Browser::new(&self.urls)
    }

    /// Signs in with a passkey in a browser that has never been here.
    pub(crate) async fn signs_in(&self, passkey: &mut Passkey, how: &How) -> (Browser, Answer) {
        let mut browser = self.stranger();
        let options = authenticate_options(&mut browser).await;
        let answer = verify_authentication(&mut browser, &passkey.assert(&options, how)).await;
        (browser, answer)
    }

    pub(crate) async fn passkeys(&mut self) -> Vec<Value> {
        let answer = self.user.browser.get("/api/auth/passkey/list-user-passkeys").await;
        answer.expect(200).json().as_array().expect("a list").clone()
    }

    /// How many passkeys of this credential there are, whosever.
    pub(crate) async fn stored(&self, passkey: &Passkey) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM mfa.passkey WHERE credential_id = $1")
            .bind(&passkey.credential_id)
            .fetch_one(&self.stores.db)
            .await
            .expect("a number")
    }
}

pub(crate) async fn register_options(browser: &mut Browser) -> Value {
    browser.get("/api/auth/passkey/generate-register-options").await.expect(200).json()
}

pub(crate) async fn verify_registration(browser: &mut Browser, response: &Value) -> Answer {
    let body = json!({ "response": response, "name": "Laptop" });
    browser.post("/api/auth/passkey/verify-registration", &body).await
}

pub(crate) async fn authenticate_options(browser: &mut Browser) -> Value {
    browser.get("/api/auth/passkey/generate-authenticate-options").await.expect(200).json()
}

pub(crate) async fn verify_authentication(browser: &mut Browser, response: &Value) -> Answer {
    let body = json!({ "response": response });
    browser.post("/api/auth/passkey/verify-authentication", &body).await
}
