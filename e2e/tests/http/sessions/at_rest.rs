//! What is kept of a session.

use super::{stores, user};

#[tokio::test]
async fn a_token_rests_nowhere() {
    let user = user().await;
    let mut stores = stores().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables \
          WHERE schemaname NOT IN ('pg_catalog', 'information_schema')",
    )
    .fetch_all(&stores.db)
    .await
    .expect("Postgres answers");
    assert!(tables.contains(&"session.session".to_owned()), "{tables:?}");
    for table in tables {
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(format!(
            "SELECT count(*) FROM {table} row WHERE strpos(row::text, $1) > 0 \
                OR strpos(row::text, encode(convert_to($1, 'UTF8'), 'hex')) > 0"
        )))
        .bind(&user.token)
        .fetch_one(&stores.db)
        .await
        .expect("Postgres answers");
        assert_eq!(found, 0, "{table} holds the token");
    }

    let names: Vec<String> =
        redis::cmd("KEYS").arg("*").query_async(&mut stores.redis).await.expect("Redis answers");
    assert!(names.iter().any(|name| name.starts_with("s:1:")));
    assert!(!names.iter().any(|name| name.contains(&user.token)));
    let copies = names.iter().filter(|name| name.starts_with("s:1:"));
    for copy in copies {
        let held: Option<String> = redis::cmd("GET")
            .arg(copy)
            .query_async(&mut stores.redis)
            .await
            .expect("Redis answers");
        assert!(!held.is_some_and(|held| held.contains(&user.token)), "{copy} holds the token");
    }
}
