//! The stores of a stack, for what no client can do: let time pass, and see what
//! is kept.

use std::time::Duration;

use auth_types::{SessionToken, TokenDigest};
use contract::session_copy::key;
use redis::aio::MultiplexedConnection;
use serde_json::Value;
use sqlx::PgPool;
use stack::Urls;

use crate::shape::instant;

pub struct Stores {
    pub db: PgPool,
    pub redis: MultiplexedConnection,
}

impl Stores {
    pub async fn open(urls: &Urls) -> Self {
        let db = PgPool::connect(&urls.database_url).await.expect("Postgres lets us in");
        let client = redis::Client::open(urls.redis_url.as_str()).expect("a URL");
        let redis = client.get_multiplexed_async_connection().await.expect("Redis lets us in");
        Self { db, redis }
    }

    /// Lets time pass for one session: all its instants move back, in Postgres and
    /// in its copy, and Redis forgets the copy no earlier for it.
    pub async fn age_session(&mut self, token: &str, by: Duration) {
        let digest = digest(token);
        let aged = sqlx::query(
            "UPDATE session.session SET created_at = created_at - make_interval(secs => $2), \
                    updated_at = updated_at - make_interval(secs => $2), \
                    expires_at = expires_at - make_interval(secs => $2) \
              WHERE token_digest = $1",
        )
        .bind(digest.as_bytes())
        .bind(by.as_secs_f64())
        .execute(&self.db)
        .await
        .expect("the session is aged");
        assert_eq!(aged.rows_affected(), 1, "there is no such session");

        let Some(mut copy) = self.copy(token).await else { return };
        for name in ["createdAt", "updatedAt", "expiresAt"] {
            let aged = instant(&copy["session"][name]) - by;
            copy["session"][name] = aged.to_string().into();
        }
        let mut set = redis::cmd("SET");
        set.arg(key(digest)).arg(copy.to_string()).arg("KEEPTTL");
        set.exec_async(&mut self.redis).await.expect("the copy is aged");
    }

    /// What Redis holds of a session.
    pub async fn copy(&mut self, token: &str) -> Option<Value> {
        let mut get = redis::cmd("GET");
        let copy: Option<String> =
            get.arg(key(digest(token))).query_async(&mut self.redis).await.expect("Redis answers");
        copy.map(|copy| serde_json::from_str(&copy).expect("a copy is JSON"))
    }

    /// Drops what Redis holds of a session.
    pub async fn forget_copy(&mut self, token: &str) {
        let mut del = redis::cmd("DEL");
        del.arg(key(digest(token)));
        del.exec_async(&mut self.redis).await.expect("the copy is gone");
    }

    /// Makes it as if a session had never been.
    pub async fn erase_session(&mut self, token: &str) {
        let erased = sqlx::query("DELETE FROM session.session WHERE token_digest = $1")
            .bind(digest(token).as_bytes())
            .execute(&self.db)
            .await;
        assert_eq!(erased.expect("the session is gone").rows_affected(), 1);
        self.forget_copy(token).await;
    }
}

fn digest(token: &str) -> TokenDigest {
    SessionToken::parse(token).expect("a token").digest()
}
