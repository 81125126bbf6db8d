//! The database restored to an earlier instant, by the steps of docs/operations.md.

use std::path::{Path, PathBuf};

use e2e::{Browser, PASSWORD, own_stack};
use serde_json::json;
use sqlx::PgPool;
use stack::{Process, Stack};
use tokio::process::Command;

const SERVICES: [Process; 5] =
    [Process::Gateway, Process::Identity, Process::Session, Process::Mfa, Process::Mailer];

async fn script(stack: &Stack, name: &str, file: &Path) -> std::process::Output {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
    let mut command = Command::new(script);
    command.arg(file).env("DATABASE_URL", &stack.urls().database_url);
    command.output().await.expect("runs")
}

async fn works(stack: &Stack, name: &str, file: &Path) {
    let output = script(stack, name, file).await;
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn count(db: &PgPool, table: &'static str) -> i64 {
    let statement = format!("SELECT count(*) FROM {table}");
    sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(db).await.expect("a number")
}

#[tokio::test]
async fn after_a_restore_users_are_there_and_nothing_they_had_opened() {
    let (stack, dir) = own_stack(&[]).await;
    let backup: PathBuf = dir.path().join("backup");
    let mut kept = Browser::new(stack.urls()).sign_up().await;
    let mut revoked = Browser::new(stack.urls()).sign_up().await;
    works(&stack, "backup", &backup).await;

    // Since then: one session was ended, one user came.
    revoked.browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    let lost = Browser::new(stack.urls()).sign_up().await;

    let early = script(&stack, "restore", &backup).await;
    let told = String::from_utf8_lossy(&early.stderr).into_owned();
    assert!(!early.status.success() && told.contains("stop the services first"), "{told}");
    for service in SERVICES {
        stack.stop(service).await;
    }
    works(&stack, "restore", &backup).await;
    stack.kill(Process::Redis).await;
    stack.launch(Process::Redis).await;
    for service in SERVICES {
        stack.launch(service).await;
    }
    stack.wait_ready().await.expect("everything is ready again");

    assert!(!revoked.browser.is_signed_in().await, "a revoked session came back");
    assert!(!kept.browser.is_signed_in().await, "a session may have been revoked since");
    for user in [&kept, &revoked] {
        Browser::new(stack.urls()).sign_in(&user.email, PASSWORD).await.expect(200);
    }
    Browser::new(stack.urls()).sign_in(&lost.email, PASSWORD).await.expect(401);

    let db = PgPool::connect(&stack.urls().database_url).await.expect("Postgres lets us in");
    for table in ["mfa.challenge", "mfa.backup_code", "mfa.trusted_device", "identity.verification"]
    {
        assert_eq!(count(&db, table).await, 0, "{table}");
    }
}
