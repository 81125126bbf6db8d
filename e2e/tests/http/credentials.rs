//! What each service may do at the stores, tried with its own credentials. That it may
//! do all it needs is shown by every other test, because the stack runs under these rules.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr};
use redis::{RedisResult, Value, aio::MultiplexedConnection};
use sqlx::{Connection, PgConnection};
use stack::{Process, StoreUrls};
use tokio::{sync::mpsc, time::timeout};

const SCHEMAS: [(Process, &str, &str); 3] = [
    (Process::Identity, "identity", "account"),
    (Process::Session, "session", "session"),
    (Process::Mfa, "mfa", "two_factor"),
];

async fn urls(process: Process) -> StoreUrls {
    e2e::shared().await.services[&process].clone()
}

async fn postgres(process: Process) -> PgConnection {
    let url = urls(process).await.database_url.expect("it has a role");
    PgConnection::connect(&url).await.expect("its role may log in")
}

/// The SQLSTATE of what Postgres says of a statement; none if it obeys.
async fn refusal(db: &mut PgConnection, statement: String) -> Option<String> {
    let outcome = sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(db).await;
    outcome.err().map(|error| {
        let error = error.into_database_error().expect("Postgres itself refuses");
        error.code().expect("with a code").into_owned()
    })
}

#[tokio::test]
async fn a_role_reaches_its_own_schema_and_no_other() {
    const INSUFFICIENT_PRIVILEGE: &str = "42501";
    for (process, own, _) in SCHEMAS {
        let mut db = postgres(process).await;
        for (_, schema, table) in SCHEMAS {
            let expected = (schema != own).then_some(INSUFFICIENT_PRIVILEGE);
            let read = refusal(&mut db, format!("SELECT 1 FROM {schema}.{table} LIMIT 1")).await;
            assert_eq!(read.as_deref(), expected, "{own} reads {schema}.{table}");
        }
        for forbidden in [
            "CREATE SCHEMA stray",
            "CREATE TABLE public.stray ()",
            "CREATE TEMPORARY TABLE stray ()",
            "CREATE ROLE stray",
            "ALTER ROLE CURRENT_USER SUPERUSER",
            "SELECT pg_read_file('/etc/passwd')",
            "COPY (SELECT 1) TO PROGRAM 'true'",
            "SET SESSION AUTHORIZATION stellar",
        ] {
            let answer = refusal(&mut db, forbidden.to_owned()).await;
            assert_eq!(answer.as_deref(), Some(INSUFFICIENT_PRIVILEGE), "{own}: {forbidden}");
        }
    }
}

async fn redis(process: Process) -> MultiplexedConnection {
    let url = urls(process).await.redis_url.expect("it has a user");
    let client = redis::Client::open(url).expect("a URL");
    client.get_multiplexed_async_connection().await.expect("its user may log in")
}

async fn command(connection: &mut MultiplexedConnection, words: &str) -> RedisResult<Value> {
    let (name, arguments) = words.split_once(' ').unwrap_or((words, ""));
    let arguments: Vec<_> = arguments.split_whitespace().collect();
    redis::cmd(name).arg(arguments).query_async(connection).await
}

async fn redis_refuses(process: Process, commands: &[&str]) {
    let mut connection = redis(process).await;
    for words in commands {
        let error = command(&mut connection, words).await.expect_err(words);
        assert_eq!(error.code(), Some("NOPERM"), "{process}: {words}: {error}");
    }
}

#[tokio::test]
async fn the_gateway_reads_sessions_and_does_not_write_them() {
    let mut connection = redis(Process::Gateway).await;
    command(&mut connection, "GET s:1:nobody").await.expect("it reads sessions");
    redis_refuses(
        Process::Gateway,
        &[
            "SET s:1:forged {}",
            "DEL s:1:forged",
            "EVAL return(redis.call('SET',KEYS[1],'x')) 1 s:1:forged",
            "GET other",
            "KEYS *",
            "SCAN 0",
            "MONITOR",
            "CONFIG GET *",
            "FLUSHALL",
            "ACL LIST",
            "CLIENT LIST",
            "REPLICAOF 127.0.0.1 1",
        ],
    )
    .await;
}

#[tokio::test]
async fn session_svc_writes_sessions_and_nothing_else() {
    let forbidden =
        ["SET other x", "GET rl:1:x", "KEYS *", "CONFIG SET save 1", "FLUSHDB", "CLIENT KILL ID 1"];
    redis_refuses(Process::Session, &forbidden).await;
}

#[tokio::test]
async fn nobody_speaks_to_a_store_without_a_name() {
    let urls = e2e::shared().await;
    let nameless = |url: &str| {
        let (scheme, rest) = url.split_once("://").expect("a URL");
        format!("{scheme}://{}", rest.split_once('@').expect("with a user").1)
    };
    let client = redis::Client::open(nameless(&urls.redis_url)).expect("a URL");
    let mut connection = client.get_multiplexed_async_connection().await.expect("it listens");
    let error = command(&mut connection, "GET s:1:nobody").await.expect_err("it refuses");
    assert!(error.to_string().contains("NOAUTH"), "{error}");
    let error = async_nats::connect(nameless(&urls.nats_url)).await.expect_err("it refuses");
    assert!(error.to_string().contains("authorization violation"), "{error}");
    let error = PgConnection::connect(&nameless(&urls.database_url)).await;
    assert!(error.is_err(), "Postgres let somebody in without a password");
}

/// A connection as that service has it, and what the server complains of.
async fn nats(process: Process) -> (Client, mpsc::UnboundedReceiver<String>) {
    let url = urls(process).await.nats_url.expect("it has a user");
    let server: ServerAddr = url.parse().expect("a URL");
    let (tell, complaints) = mpsc::unbounded_channel();
    let (user, password) = (server.username().expect("a user"), server.password().expect("one"));
    let client = ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        .event_callback(move |event| {
            let tell = tell.clone();
            async move {
                if let Event::ServerError(error) = event {
                    tell.send(error.to_string()).ok();
                }
            }
        })
        .connect(server)
        .await
        .expect("its user may log in");
    (client, complaints)
}

async fn complaint(complaints: &mut mpsc::UnboundedReceiver<String>, of: &str) {
    let heard = timeout(Duration::from_secs(10), complaints.recv()).await;
    let heard = heard.unwrap_or_else(|_| panic!("nobody complains of {of}")).expect("connected");
    assert!(heard.to_lowercase().contains("permissions violation"), "{of}: {heard}");
    assert!(heard.contains(of), "{of}: {heard}");
}

#[tokio::test]
async fn a_service_says_nothing_on_nats_that_is_not_its_own_to_say() {
    for (process, subjects) in [
        (
            Process::Gateway,
            &["session.v1.create", "session.v1.revoke", "mail.v1.send", "session.v1.changed"][..],
        ),
        (Process::Identity, &["session.v1.changed", "mail.v1.dead", "$JS.API.STREAM.PURGE.MAIL"]),
        (Process::Session, &["mail.v1.send", "identity.v1.password.verify", "session.v1.create"]),
        (Process::Mfa, &["session.v1.changed", "session.v1.impersonate", "mfa.v1.gate"]),
        (
            Process::Mailer,
            &[
                "session.v1.create",
                "mail.v1.send",
                "$JS.API.STREAM.DELETE.MAIL",
                "$JS.API.STREAM.PURGE.MAIL",
                "$JS.API.STREAM.UPDATE.MAIL",
                "$JS.API.STREAM.CREATE.OTHER",
                "$JS.API.CONSUMER.CREATE.MAIL.another",
                "_INBOX.identity-svc.forged",
            ],
        ),
    ] {
        let (client, mut complaints) = nats(process).await;
        for &subject in subjects {
            client.publish(subject, "{}".into()).await.expect("connected");
            client.flush().await.expect("connected");
            complaint(&mut complaints, subject).await;
        }
    }
}

/// The replies of session-svc hold tokens of sessions that have just begun.
#[tokio::test]
async fn a_service_hears_nothing_on_nats_that_is_meant_for_another() {
    for (process, subjects) in [
        (Process::Gateway, &["_INBOX.identity-svc.>", "session.v1.create", ">"][..]),
        (Process::Identity, &["_INBOX.mfa-svc.>", "_INBOX.>", "mfa.v1.gate", "mail.v1.send"]),
        (Process::Session, &["_INBOX.identity-svc.>", "identity.v1.password.verify"]),
        (Process::Mfa, &["_INBOX.*.>", "identity.v1.password.verify", "session.v1.create"]),
        (Process::Mailer, &["mail.v1.send", "_INBOX.identity-svc.>", "$KV.>"]),
    ] {
        let (client, mut complaints) = nats(process).await;
        for &subject in subjects {
            let _subscriber = client.subscribe(subject).await.expect("connected");
            client.flush().await.expect("connected");
            complaint(&mut complaints, subject).await;
        }
    }
}
