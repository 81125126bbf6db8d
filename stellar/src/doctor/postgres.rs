//! Postgres holds the truth: can it be reached, and does it keep what it is given.

use std::str::FromStr;

use secrecy::ExposeSecret;
use sqlx::{ConnectOptions, Connection, PgConnection, Row, postgres::PgConnectOptions};
use time::OffsetDateTime;

use super::{clock, finding::Finding, network, surroundings::Named};

const SUBJECT: &str = "postgres";
/// Schemas of the services (design: each service owns its own).
const SCHEMAS: [&str; 3] = ["identity", "session", "mfa"];
const OLDEST: i32 = 14;

pub(crate) async fn examine(account: Named) -> Vec<Finding> {
    let Named { variable, url } = account;
    let Ok(options) = PgConnectOptions::from_str(url.expose_secret()) else {
        let mend = "expected postgres://user:password@host:port/database";
        return vec![Finding::bad(SUBJECT, format!("{variable} is no address of Postgres"), mend)];
    };
    let host = options.get_host().to_owned();
    let mut connection = match options.connect().await {
        Ok(connection) => connection,
        Err(error) => {
            return vec![Finding::bad(
                SUBJECT,
                format!("{variable} ({host}) cannot be reached: {error}"),
                "see whether it runs, and whether address, user and password are right",
            )];
        }
    };
    let found = look(&mut connection, &variable, &host).await;
    connection.close().await.ok();
    found.unwrap_or_else(|error| {
        vec![Finding::bad(SUBJECT, format!("{variable}: {error}"), "see Postgres' own log")]
    })
}

async fn look(
    connection: &mut PgConnection,
    variable: &str,
    host: &str,
) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = vec![reached(connection, variable, host).await?];
    findings.push(agrees_on_time(connection).await?);
    findings.extend(durability(connection).await?);
    findings.extend(rights(connection, variable).await?);
    findings.extend(room(connection).await?);
    Ok(findings)
}

async fn reached(
    connection: &mut PgConnection,
    variable: &str,
    host: &str,
) -> Result<Finding, sqlx::Error> {
    let number = "SELECT current_setting('server_version_num')::int / 10000, current_user::text, \
                  coalesce((SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()), false)";
    let row = sqlx::query(number).fetch_one(connection).await?;
    let (version, user, tls): (i32, String, bool) = (row.get(0), row.get(1), row.get(2));
    let said = format!("{variable}: version {version}, as {user}");
    if version < OLDEST {
        return Ok(Finding::bad(SUBJECT, said, format!("upgrade to {OLDEST} or newer")));
    }
    if !tls && !network::is_here(host) {
        return Ok(network::in_the_clear(SUBJECT, &said, "add ?sslmode=verify-full"));
    }
    Ok(Finding::good(SUBJECT, said))
}

async fn agrees_on_time(connection: &mut PgConnection) -> Result<Finding, sqlx::Error> {
    let before = clock::now();
    let theirs: OffsetDateTime =
        sqlx::query_scalar("SELECT clock_timestamp()").fetch_one(connection).await?;
    Ok(clock::compare(SUBJECT, before, theirs.into(), clock::now()))
}

/// What was acknowledged must still be there after a crash.
async fn durability(connection: &mut PgConnection) -> Result<Vec<Finding>, sqlx::Error> {
    let mut findings = Vec::new();
    for (setting, lost) in [
        ("synchronous_commit", "the last acknowledged changes are lost in a crash"),
        ("fsync", "a crash can destroy the database"),
        ("full_page_writes", "a crash can destroy the database"),
    ] {
        let value: String = sqlx::query_scalar("SELECT current_setting($1)")
            .bind(setting)
            .fetch_one(&mut *connection)
            .await?;
        if value == "off" {
            let said = format!("{setting} is off: {lost}");
            findings.push(Finding::bad(SUBJECT, said, format!("set {setting} = on")));
        }
    }
    Ok(findings)
}

/// A service that is taken over must not take the others with it.
async fn rights(
    connection: &mut PgConnection,
    variable: &str,
) -> Result<Vec<Finding>, sqlx::Error> {
    let superuser: bool =
        sqlx::query_scalar("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
            .fetch_one(&mut *connection)
            .await?;
    if superuser {
        return Ok(vec![Finding::warning(
            SUBJECT,
            format!("{variable} is an account that may do everything"),
            "give each service an account that owns its schema and nothing else",
        )]);
    }
    let reachable: Vec<String> = sqlx::query_scalar(
        "SELECT nspname::text FROM pg_namespace \
         WHERE nspname = ANY($1) AND has_schema_privilege(oid, 'USAGE') ORDER BY nspname",
    )
    .bind(SCHEMAS.as_slice())
    .fetch_all(connection)
    .await?;
    Ok(match reachable.as_slice() {
        [] => vec![Finding::good(SUBJECT, format!("{variable} reaches no schema of ours yet"))],
        [one] => vec![Finding::good(SUBJECT, format!("{variable} reaches the schema {one} alone"))],
        several => vec![Finding::warning(
            SUBJECT,
            format!("{variable} reaches the schemas {}", several.join(", ")),
            "give each service an account that owns its schema and nothing else",
        )],
    })
}

async fn room(connection: &mut PgConnection) -> Result<Option<Finding>, sqlx::Error> {
    let row = sqlx::query(
        "SELECT current_setting('max_connections')::bigint, \
                (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')",
    )
    .fetch_one(connection)
    .await?;
    let (most, used): (i64, i64) = (row.get(0), row.get(1));
    Ok((used * 10 > most * 9).then(|| {
        Finding::warning(
            SUBJECT,
            format!("{used} of {most} connections are in use"),
            "raise max_connections, or lower DATABASE_MAX_CONNECTIONS of the services",
        )
    }))
}
