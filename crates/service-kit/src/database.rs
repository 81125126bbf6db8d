//! A service's own schema in Postgres.

use std::{str::FromStr, time::Duration};

use sqlx::{
    AssertSqlSafe, PgPool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tokio_util::sync::CancellationToken;

use crate::{
    fault::{Chain, Fault, While},
    kit::Kit,
    reasons::Reasons,
};

/// How long a request waits for a connection before it is told to come back.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);
/// Postgres itself gives up on a statement after this.
const STATEMENT_TIMEOUT: &str = "5s";
const RETRY: Duration = Duration::from_millis(200);

/// Opens a pool whose connections see `schema` first, brings the schema up to date
/// in the background, and is ready once that is done. Postgres may start later.
pub fn open(
    url: &str,
    schema: &'static str,
    mut migrations: Migrator,
    max_connections: u32,
    kit: &mut Kit,
) -> Result<PgPool, Fault> {
    let options = PgConnectOptions::from_str(url)
        .doing("reading DATABASE_URL")?
        .application_name(kit.service())
        .options([("search_path", schema), ("statement_timeout", STATEMENT_TIMEOUT)]);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .connect_lazy_with(options);

    // After a rollback the schema is that of a later release, which we can live with
    // (docs/releases.md).
    migrations.set_ignore_missing(true);
    let migrated = CancellationToken::new();
    let (task_pool, done, stop) = (pool.clone(), migrated.clone(), kit.shutdown().clone());
    kit.spawn(async move {
        stop.run_until_cancelled(migrate_until_done(&task_pool, schema, &migrations)).await;
        done.cancel();
    });
    let probe = pool.clone();
    kit.readiness().check("postgres", move || {
        let (pool, migrated) = (probe.clone(), migrated.clone());
        async move {
            if !migrated.is_cancelled() {
                return Err("migrations have not run yet").doing("preparing the schema");
            }
            sqlx::query("SELECT 1").execute(&pool).await.doing("asking Postgres").map(|_| ())
        }
    });
    Ok(pool)
}

/// sqlx takes an advisory lock, so replicas that start together take turns.
async fn migrate_until_done(pool: &PgPool, schema: &'static str, migrations: &Migrator) {
    let mut reasons = Reasons::default();
    while let Err(fault) = migrate(pool, schema, migrations).await {
        if reasons.is_news(&Chain(&fault)) {
            tracing::warn!(error = %Chain(&fault), "cannot prepare the schema; trying again");
        }
        #[expect(clippy::disallowed_methods, reason = "a pause between attempts")]
        tokio::time::sleep(RETRY).await;
    }
    tracing::info!(schema, "the schema is up to date");
}

async fn migrate(pool: &PgPool, schema: &'static str, migrations: &Migrator) -> Result<(), Fault> {
    create_schema(pool, schema).await?;
    migrations.run(pool).await.doing("running migrations")
}

/// Where the schema is there (`deploy/postgres/roles.sql`), the service's role need not
/// be allowed to make one. Two processes that make it at once can collide even with `IF
/// NOT EXISTS`; the loser tries again.
async fn create_schema(pool: &PgPool, schema: &'static str) -> Result<(), Fault> {
    let there = sqlx::query_scalar("SELECT to_regnamespace($1) IS NOT NULL").bind(schema);
    if there.fetch_one(pool).await.doing("looking for the schema")? {
        return Ok(());
    }
    let statement = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
    sqlx::query(statement).execute(pool).await.doing("creating the schema").map(|_| ())
}
