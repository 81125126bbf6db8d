//! Hashes that were made elsewhere, and those that are none

use e2e::{Browser, PASSWORD, Stores, User, shared};
use sqlx::PgPool;

use super::new_user;

async fn database() -> PgPool {
    Stores::open(&shared().await).await.db
}

/// A user whose stored hash is this.
async fn user_with(db: &PgPool, hash: &str) -> User {
    let user = new_user().await;
    let set = sqlx::query("UPDATE identity.account SET password = $2 WHERE user_id = $1")
        .bind(&user.id)
        .bind(hash);
    set.execute(db).await.expect("the hash is set");
    user
}

async fn hash_of(db: &PgPool, user: &User) -> String {
    let hash = sqlx::query_scalar("SELECT password FROM identity.account WHERE user_id = $1")
        .bind(&user.id);
    hash.fetch_one(db).await.expect("a hash")
}

/// Of `correct horse battery`, each made with another implementation than ours.
const BETTER_AUTH: &str = "0123456789abcdef0123456789abcdef:b87ad68e260d745e9edfac97cc70f72a8fbb1771cf033e8d2b3c360d3788e3548d977bae5090f5d6cd75f5190a6fbe6b0b5737d5420119bd1e44ccdc779acfe5";
const BCRYPT_2Y: &str = "$2y$05$CCCCCCCCCCCCCCCCCCCCC.4c/Vz//sBM9XkyFmwsCP9HkrjK1U32S";

#[tokio::test]
async fn a_hash_made_elsewhere_signs_in_and_becomes_one_of_ours() {
    let db = database().await;
    for hash in [BETTER_AUTH, BCRYPT_2Y] {
        let user = user_with(&db, hash).await;
        let mut browser = Browser::new(&shared().await);
        browser
            .sign_in(&user.email, "wrong horse")
            .await
            .expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
        assert_eq!(hash_of(&db, &user).await, hash, "a wrong password renewed the hash");
        browser.sign_in(&user.email, PASSWORD).await.expect(200);
        let renewed = hash_of(&db, &user).await;
        assert!(renewed.starts_with("$2b$10$"), "{renewed}");
        browser.sign_in(&user.email, PASSWORD).await.expect(200);
        assert_eq!(hash_of(&db, &user).await, renewed, "a hash of ours was renewed");
    }
}

#[tokio::test]
async fn what_is_no_hash_matches_no_password_and_breaks_nothing() {
    let db = database().await;
    for hash in [
        "",
        PASSWORD,
        "$2b$",
        "$2b$10$",
        "$2x$10$abc",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "0a:5e",
        "é",
    ] {
        let user = user_with(&db, hash).await;
        let mut browser = Browser::new(&shared().await);
        for password in [PASSWORD, hash, "x"] {
            browser
                .sign_in(&user.email, password)
                .await
                .expect_code(401, "INVALID_EMAIL_OR_PASSWORD");
        }
    }
}
