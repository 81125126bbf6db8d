//! `POST /api/auth/sign-in/email`

mod answers;
mod callbacks;
mod stored;

use e2e::{Answer, Browser, PASSWORD, Stores, User, shared};
use serde_json::{Value, json};

const PATH: &str = "/api/auth/sign-in/email";

struct Scene {
    stores: Stores,
    user: User,
    /// Another browser, in which nobody is signed in.
    browser: Browser,
}

async fn scene() -> Scene {
    let urls = shared().await;
    let user = Browser::new(&urls).sign_up().await;
    Scene { stores: Stores::open(&urls).await, user, browser: Browser::new(&urls) }
}

impl Scene {
    async fn sign_in_with(&mut self, changes: Value) -> Answer {
        let mut body = json!({ "email": self.user.email, "password": PASSWORD });
        let changes = changes.as_object().expect("fields").clone();
        body.as_object_mut().expect("an object").extend(changes);
        self.browser.post(PATH, &body).await
    }

    /// Changes the user behind the system's back.
    async fn change_user(&self, assignments: &'static str) {
        let statement =
            format!("UPDATE identity.user SET {assignments}, version = version + 1 WHERE id = $1");
        let changed = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.user.id)
            .execute(&self.stores.db)
            .await
            .expect("Postgres answers");
        assert_eq!(changed.rows_affected(), 1);
    }

    /// Replaces what is kept of the password; `$2` is `stored`, `password` what is there.
    async fn store_password(&self, expression: &'static str, stored: Option<&str>) {
        let statement =
            format!("UPDATE identity.account SET password = {expression} WHERE user_id = $1");
        let changed = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(&self.user.id)
            .bind(stored)
            .execute(&self.stores.db)
            .await
            .expect("Postgres answers");
        assert_eq!(changed.rows_affected(), 1);
    }
}

#[track_caller]
fn expect_wrong_credentials(answer: Answer) {
    let answer = answer.expect(401);
    let expected =
        json!({ "message": "Invalid email or password", "code": "INVALID_EMAIL_OR_PASSWORD" });
    assert_eq!(answer.json(), expected);
    assert_eq!(answer.set_cookies(), [""; 0]);
}
