//! Users with a role of their own, for tests of what roles may do.

use serde_json::{Value, json};
use sqlx::PgPool;
use stack::Urls;

use crate::{
    answer::Answer,
    browser::{Browser, PASSWORD, User},
};

/// An admin, signed in. The first set-up makes one and no more, so a test makes its
/// own behind the service's back, before they sign in.
pub async fn admin(urls: &Urls) -> User {
    with_role(urls, "admin").await
}

/// Somebody with these roles, signed in.
pub async fn with_role(urls: &Urls, role: &str) -> User {
    let mut user = Browser::new(urls).sign_up().await;
    let db = PgPool::connect(&urls.database_url).await.expect("Postgres lets us in");
    sqlx::query("UPDATE identity.user SET role = $2, version = version + 1 WHERE id = $1")
        .bind(&user.id)
        .bind(role)
        .execute(&db)
        .await
        .expect("the role is set");
    user.browser = Browser::new(urls);
    let answer = user.browser.sign_in(&user.email, PASSWORD).await.expect(200).json();
    answer["token"].as_str().expect("a token").clone_into(&mut user.token);
    user
}

impl User {
    /// Asks an admin route, named by the last part of its path.
    pub async fn asks_admin(&mut self, route: &str, body: Value) -> Answer {
        self.browser.post(&format!("/api/auth/admin/{route}"), &body).await
    }

    /// Asks an admin route that is about one user.
    pub async fn asks_about(&mut self, route: &str, user: &str) -> Answer {
        self.asks_admin(route, json!({ "userId": user })).await
    }

    /// Asks an admin route that only reads.
    pub async fn looks_up(&mut self, route: &str, query: &str) -> Answer {
        self.browser.get(&format!("/api/auth/admin/{route}?{query}")).await
    }
}
