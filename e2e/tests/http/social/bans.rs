//! Users who may not come in

use e2e::{fresh_email, fresh_id, github};
use serde_json::json;

use super::{stores, stranger, user_of};

#[tokio::test]
async fn a_banned_user_does_not_come_in_by_a_provider() {
    let wish = github(fresh_id(), &fresh_email(), true);
    let mut browser = stranger().await;
    browser.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    let id = user_of(&mut browser).await["id"].as_str().expect("text").to_owned();
    let db = stores().await.db;
    let ban = "UPDATE identity.user SET banned = true, version = version + 1 WHERE id = $1";
    sqlx::query(ban).bind(&id).execute(&db).await.expect("banned");

    let mut again = stranger().await;
    let answer = again.sign_in_socially("github", &wish).await.expect(302);
    let target = answer.header("location").expect("a redirect");
    let expected = "/failed?error=BANNED_USER&error_description=You%20have%20been%20banned";
    assert!(target.starts_with(expected), "{target}");
    assert!(!again.is_signed_in().await);

    // A ban is over at its expiry.
    let lift = "UPDATE identity.user SET ban_expires = now() - interval '1 second' WHERE id = $1";
    sqlx::query(lift).bind(&id).execute(&db).await.expect("over");
    again.sign_in_socially("github", &wish).await.expect_redirect("/dash");
    assert_eq!(user_of(&mut again).await["banned"], json!(false));
}

#[tokio::test]
async fn a_removed_user_is_a_new_one_the_next_time() {
    let wish = github(fresh_id(), &fresh_email(), true);
    let mut browser = stranger().await;
    browser.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    let id = user_of(&mut browser).await["id"].as_str().expect("text").to_owned();
    let mut admin = e2e::admin(&e2e::shared().await).await;
    admin.asks_about("remove-user", &id).await.expect(200);
    assert!(!browser.is_signed_in().await);
    let mut again = stranger().await;
    again.sign_in_socially("github", &wish).await.expect_redirect("/welcome");
    assert_ne!(user_of(&mut again).await["id"], json!(id));
}
