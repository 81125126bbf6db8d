//! `/api/auth/two-factor/*`, and sign-ins of users with a second factor.

mod backup_codes;
mod changes;
mod doors;
mod enrolment;
mod guessing;
mod mailed_codes;
mod races;
mod sign_in;
mod trusted_devices;

use e2e::{Answer, Authenticator, Browser, PASSWORD, Stores, User, mails_about, shared};
use serde_json::{Value, json};
use stack::Urls;

pub(crate) const CODE_MAIL: &str = "Your sign-in code";
pub(crate) const CHANGE_MAIL: &str = "Your two-factor authentication was changed";

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

    /// With an authenticator app.
    pub(crate) async fn enrolled() -> (Self, Authenticator) {
        let mut scene = Self::new().await;
        let app = scene.user.enrols(&scene.stores).await;
        (scene, app)
    }

    /// With codes by mail, and no app.
    pub(crate) async fn with_mailed_codes() -> Self {
        let mut scene = Self::new().await;
        scene.ask("enable", json!({ "password": PASSWORD, "method": "otp" })).await.expect(200);
        scene
    }

    /// Asks a route of the plugin in the user's own browser.
    pub(crate) async fn ask(&mut self, route: &str, body: Value) -> Answer {
        ask(&mut self.user.browser, route, body).await
    }

    /// Gives the password in this browser.
    pub(crate) async fn sign_in(&self, browser: &mut Browser) -> Answer {
        browser.sign_in(&self.user.email, PASSWORD).await.expect(200)
    }

    /// Another browser, in which the password has been given.
    pub(crate) async fn half_way(&self) -> Browser {
        let mut browser = Browser::new(&self.urls);
        let answer = self.sign_in(&mut browser).await;
        assert_eq!(answer.json()["twoFactorRedirect"], true, "{answer:?}");
        browser
    }

    /// As many as there are.
    pub(crate) async fn code_mails(&self, count: usize) -> Vec<String> {
        let mails = mails_about(&self.urls.outbox, &self.user.email, CODE_MAIL, count).await;
        mails.iter().map(|mail| code_in(mail)).collect()
    }

    /// Runs a statement on the user's rows, `$1` being the user's id.
    pub(crate) async fn change(&self, statement: &'static str) {
        let changed = sqlx::query(statement).bind(&self.user.id).execute(&self.stores.db).await;
        assert!(changed.expect("Postgres answers").rows_affected() > 0, "{statement}");
    }
}

pub(crate) async fn ask(browser: &mut Browser, route: &str, body: Value) -> Answer {
    browser.post(&format!("/api/auth/two-factor/{route}"), &body).await
}

pub(crate) async fn verify_totp(browser: &mut Browser, code: &str) -> Answer {
    ask(browser, "verify-totp", json!({ "code": code })).await
}

fn code_in(mail: &str) -> String {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    mail.lines()
        .map(str::trim)
        .find(is_code)
        .unwrap_or_else(|| panic!("no code in {mail}"))
        .to_owned()
}

/// The names of the cookies that are set, `-name` for those that are cleared.
pub(crate) fn cookie_names(answer: &Answer) -> Vec<String> {
    let name = |line: String| {
        let name =
            line.split_once('=').expect("a pair").0.trim_start_matches("better-auth.").to_owned();
        if line.contains("Max-Age=0") { format!("-{name}") } else { name }
    };
    answer.set_cookies().into_iter().map(name).collect()
}
