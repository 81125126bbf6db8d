//! An authenticator app, by another implementation than ours.

use auth_types::{Clock, SystemClock};
use serde_json::{Value, json};
use totp_rs::{Builder, Secret, Totp};

use crate::{
    browser::{PASSWORD, User},
    stores::Stores,
};

/// Seconds for which a code is shown.
const PERIOD: u64 = 30;

pub struct Authenticator {
    totp: Totp,
    pub uri: String,
    pub backup_codes: Vec<String>,
}

impl Authenticator {
    /// Scans what `enable` answered.
    #[must_use]
    pub fn scan(enabled: &Value) -> Self {
        let uri = enabled["totpURI"].as_str().expect("an address").to_owned();
        let secret = uri.split(['?', '&']).find_map(|pair| pair.strip_prefix("secret="));
        let secret = Secret::try_from_base32(secret.expect("a secret")).expect("base32");
        let totp = Builder::new().with_secret(secret).build().expect("long enough");
        let codes = enabled["backupCodes"].as_array().expect("codes").iter();
        let backup_codes = codes.map(|code| code.as_str().expect("text").to_owned()).collect();
        Self { totp, uri, backup_codes }
    }

    /// What it shows.
    #[must_use]
    pub fn code(&self) -> String {
        self.code_in(0)
    }

    /// What it shows so many steps later.
    #[must_use]
    pub fn code_in(&self, steps: i64) -> String {
        let now = u64::try_from(SystemClock.now().unix_seconds()).expect("after 1970");
        let at = now.checked_add_signed(steps * PERIOD.cast_signed()).expect("after 1970");
        self.totp.generate(at).to_string()
    }

    /// A code that it shows neither now nor a few steps before or after.
    #[must_use]
    pub fn wrong_code(&self) -> String {
        let shown: Vec<_> = (-3..=3).map(|steps| self.code_in(steps)).collect();
        let mut codes = (0..).map(|number| format!("{number:06}"));
        codes.find(|code| !shown.contains(code)).expect("few are shown")
    }
}

impl User {
    pub async fn begins_enrolment(&mut self) -> Authenticator {
        let body = json!({ "password": PASSWORD });
        let answer = self.browser.post("/api/auth/two-factor/enable", &body).await.expect(200);
        Authenticator::scan(&answer.json())
    }

    /// Has an authenticator app from now on, whose codes have not been used yet.
    pub async fn enrols(&mut self, stores: &Stores) -> Authenticator {
        let app = self.begins_enrolment().await;
        let body = json!({ "code": app.code() });
        let answer = self.browser.post("/api/auth/two-factor/verify-totp", &body).await.expect(200);
        answer.json()["token"].as_str().expect("a token").clone_into(&mut self.token);
        stores.let_codes_pass(&self.id).await;
        app
    }
}

impl Stores {
    /// As if the time of the codes that were used had passed.
    pub async fn let_codes_pass(&self, user: &str) {
        let passed = sqlx::query("UPDATE mfa.two_factor SET last_used_step = 0 WHERE user_id = $1");
        passed.bind(user).execute(&self.db).await.expect("time passes");
    }
}
