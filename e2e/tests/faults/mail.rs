//! Promised mails arrive, whatever was away when they were promised.

use e2e::{mail_to, own_stack};
use sqlx::{Connection, PgConnection};
use stack::Process;

use crate::newcomer::{PRODUCTION, signs_up};

#[tokio::test]
async fn a_mail_promised_without_nats_and_mailer_arrives_when_they_are_back() {
    let (stack, _dir) = own_stack(PRODUCTION).await;
    stack.kill(Process::Mailer).await;
    stack.kill(Process::Nats).await;
    let email = signs_up(stack.urls()).await;
    stack.launch(Process::Nats).await;
    stack.launch(Process::Mailer).await;
    mail_to(&stack.urls().outbox, &email).await;
}

#[tokio::test]
async fn a_mail_promised_before_a_crash_of_identity_svc_arrives_and_the_promise_is_closed() {
    let (stack, _dir) = own_stack(PRODUCTION).await;
    stack.kill(Process::Mailer).await;
    let email = signs_up(stack.urls()).await;
    stack.kill(Process::Identity).await;
    stack.launch(Process::Identity).await;
    stack.launch(Process::Mailer).await;
    mail_to(&stack.urls().outbox, &email).await;
    let closed = e2e::eventually(|| async {
        let mut db = PgConnection::connect(&stack.urls().database_url).await.ok()?;
        let open: i64 = sqlx::query_scalar("SELECT count(*) FROM identity.outbox")
            .fetch_one(&mut db)
            .await
            .ok()?;
        (open == 0).then_some(())
    });
    closed.await.expect("the receipt closes the promise");
}

/// A promise that nobody can keep is tried for years, and keeps no other from being kept.
#[tokio::test]
async fn a_promise_that_fails_for_ever_holds_nothing_up() {
    let (stack, _dir) = own_stack(PRODUCTION).await;
    let mut db = PgConnection::connect(&stack.urls().database_url).await.expect("connects");
    sqlx::query(
        "INSERT INTO identity.outbox (id, subject, payload, attempts) \
         SELECT gen_random_uuid(), 'nobody.v1.knows', '{}', attempts \
           FROM unnest(ARRAY[0, 1, 1024, 100000]) AS attempts",
    )
    .execute(&mut db)
    .await
    .expect("promises");
    let email = signs_up(stack.urls()).await;
    mail_to(&stack.urls().outbox, &email).await;
}
