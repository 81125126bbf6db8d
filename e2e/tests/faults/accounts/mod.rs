//! What users may do to their own accounts where the operator allows it: change
//! their address, and delete themselves.

mod deletion;
mod email_change;
mod error_page;
mod secrecy;

use e2e::{Browser, PASSWORD, StackDir, User, own_stack};
use sqlx::PgPool;
use stack::Stack;

async fn allowing_stack() -> (Stack, StackDir) {
    own_stack(&[("AUTH_CHANGE_EMAIL", "on"), ("AUTH_DELETE_USER", "on")]).await
}

async fn database(stack: &Stack) -> PgPool {
    PgPool::connect(&stack.urls().database_url).await.expect("Postgres lets us in")
}

/// Somebody whose address is known to be theirs.
async fn verified_user(stack: &Stack) -> User {
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let verified =
        "UPDATE identity.user SET email_verified = true, version = version + 1 WHERE id = $1";
    sqlx::query(verified).bind(&user.id).execute(&database(stack).await).await.expect("verified");
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
    user
}
