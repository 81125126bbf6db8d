//! What happens between the queue and the owner of a mail.

use contract::mail::{Outcome, Receipt};

use crate::{
    smtp_server::SmtpServer,
    world::{World, eml_files, eventually, mail},
};

#[tokio::test]
async fn a_mail_becomes_one_file_and_one_receipt() {
    let outbox = tempfile::tempdir().expect("a folder");
    let world = World::start(&format!("file://{}/mails", outbox.path().display())).await;
    let owner = world.owner().await;
    let mail = mail();
    world.hand_over(&mail).await;
    assert_eq!(owner.receipt().await, Receipt { id: mail.id, outcome: Outcome::Sent });
    world.drained().await;
    let files = eml_files(&outbox.path().join("mails"));
    assert_eq!(files.len(), 1, "{files:?}");
    let message = std::fs::read_to_string(&files[0]).expect("reads");
    assert!(message.contains("To: ann@example.com\r\n"), "{message}");
    assert!(message.contains("https://panel.example.com/verify?token=x\r\n"), "{message}");
}

#[tokio::test]
async fn a_mail_handed_over_again_and_again_is_sent_once() {
    let smtp = SmtpServer::start().await;
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let owner = world.owner().await;
    let mail = mail();
    for _ in 0..20 {
        world.hand_over(&mail).await;
    }
    world.drained().await;
    world.hand_over(&mail).await;
    world.drained().await;
    assert_eq!(smtp.arrived().len(), 1);
    let receipts = owner.receipts();
    assert!(receipts.len() >= 2, "the last copy came when all was done: {receipts:?}");
    assert!(
        receipts.iter().all(|receipt| receipt.id == mail.id && receipt.outcome == Outcome::Sent)
    );
}

#[tokio::test]
async fn a_receipt_that_nobody_took_is_given_again() {
    let smtp = SmtpServer::start().await;
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let mail = mail();
    world.hand_over(&mail).await;
    eventually("the mail arrives", async || smtp.arrived().pop()).await;
    assert_eq!(world.waiting().await, 1);
    let owner = world.owner().await;
    assert_eq!(owner.receipt().await.id, mail.id);
    world.drained().await;
    assert_eq!(smtp.arrived().len(), 1);
}

#[tokio::test]
async fn what_is_no_mail_is_kept_and_not_tried_again() {
    let outbox = tempfile::tempdir().expect("a folder");
    let world = World::start(&format!("file://{}", outbox.path().display())).await;
    world
        .publish(
            br#"{"id":"7","to":"ann@example.com","template":"news","data":{"secret":"hunter2"}}"#
                .to_vec(),
        )
        .await;
    let letter = world.dead_letter().await;
    assert_eq!((letter.id.as_deref(), letter.template.as_deref()), (Some("7"), Some("news")));
    assert!(!format!("{letter:?}").contains("hunter2"), "{letter:?}");
    world.drained().await;
}

#[tokio::test]
async fn a_receipt_subject_of_another_kind_is_not_called() {
    let smtp = SmtpServer::start().await;
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let mut mail = mail();
    mail.receipt_subject = "session.v1.revoke-user".to_owned();
    world.hand_over(&mail).await;
    let letter = world.dead_letter().await;
    assert_eq!(letter.id, Some(mail.id.to_string()));
    world.drained().await;
    assert_eq!(smtp.attempts(), 0);
}

#[tokio::test]
async fn nats_may_come_later_and_may_forget() {
    let smtp = SmtpServer::start().await;
    let mut world =
        World::without_nats(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    world.nats.start();
    let owner = world.owner().await;
    let (first, second) = (mail(), mail());
    world.hand_over(&first).await;
    assert_eq!(owner.receipt().await.id, first.id);
    world.nats.forget().await;
    world.hand_over(&second).await;
    eventually("the second receipt comes", async || {
        owner.receipts().into_iter().find(|receipt| receipt.id == second.id)
    })
    .await;
    assert_eq!(smtp.arrived().len(), 2);
}
