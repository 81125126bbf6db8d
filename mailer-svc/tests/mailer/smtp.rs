//! What happens between the mailer and a mail server.

use std::process::Stdio;

use contract::mail::{Outcome, Receipt};
use tokio::process::Command;

use crate::{
    smtp_server::SmtpServer,
    world::{World, eventually, mail},
};

#[tokio::test]
async fn a_mail_arrives_with_both_parts() {
    let smtp = SmtpServer::start().await;
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let mail = mail();
    world.hand_over(&mail).await;
    let arrived = eventually("the mail arrives", async || smtp.arrived().pop()).await;
    assert_eq!(arrived.from, "no-reply@example.com");
    assert_eq!(arrived.to, ["ann@example.com"]);
    for part in [
        &format!("Message-ID: <{}@stellar-auth>", mail.id),
        "From: Panel <no-reply@example.com>",
        "Subject: Confirm your e-mail address",
        "Content-Type: text/plain",
        "Content-Type: text/html",
        "Hello Ann,",
    ] {
        assert!(arrived.message.contains(part), "{part:?} in {}", arrived.message);
    }
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let smtp = SmtpServer::start().await;
    smtp.refuse(451, "4.7.1 come back later");
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let owner = world.owner().await;
    let mail = mail();
    world.hand_over(&mail).await;
    assert_eq!(owner.receipt().await, Receipt { id: mail.id, outcome: Outcome::Sent });
    world.drained().await;
    assert_eq!((smtp.attempts(), smtp.arrived().len()), (2, 1));
    assert_eq!(world.dead_letters().await, 0);
}

#[tokio::test]
async fn a_mailbox_that_is_not_there_is_given_up() {
    let smtp = SmtpServer::start().await;
    smtp.refuse(550, "5.1.1 nobody here by that name");
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let owner = world.owner().await;
    let mail = mail();
    world.hand_over(&mail).await;
    assert_eq!(owner.receipt().await, Receipt { id: mail.id, outcome: Outcome::Dead });
    let letter = world.dead_letter().await;
    assert_eq!(letter.id, Some(mail.id.to_string()));
    assert_eq!(letter.to.as_deref(), Some("ann@example.com"));
    assert!(letter.reason.contains("nobody here by that name"), "{letter:?}");
    world.drained().await;
    assert_eq!((smtp.attempts(), smtp.arrived().len()), (1, 0));
}

#[tokio::test]
async fn an_address_that_is_none_is_given_up_unasked() {
    let smtp = SmtpServer::start().await;
    let world = World::start(&format!("smtp://localhost:{}?tls=none", smtp.port())).await;
    let owner = world.owner().await;
    let mut mail = mail();
    mail.to = "ann@example.com\r\nRCPT TO:<eve@example.com>".to_owned();
    world.hand_over(&mail).await;
    assert_eq!(owner.receipt().await.outcome, Outcome::Dead);
    assert_eq!(smtp.attempts(), 0);
}

#[tokio::test]
async fn a_wrong_password_buries_no_mail() {
    let smtp = SmtpServer::with_password("another").await;
    let world =
        World::start(&format!("smtp://ann:hunter2@localhost:{}?tls=none", smtp.port())).await;
    let owner = world.owner().await;
    world.hand_over(&mail()).await;
    eventually("the password is refused", async || (smtp.attempts() > 0).then_some(())).await;
    smtp.set_password("hunter2");
    assert_eq!(owner.receipt().await.outcome, Outcome::Sent);
    assert_eq!(smtp.arrived()[0].user.as_deref(), Some("ann"));
    assert_eq!(world.dead_letters().await, 0);
}

#[tokio::test]
async fn a_server_without_tls_gets_no_mail_unless_that_was_said() {
    let smtp = SmtpServer::start().await;
    let world = World::start(&format!("smtp://localhost:{}", smtp.port())).await;
    let owner = world.owner().await;
    world.hand_over(&mail()).await;
    // By its second delivery, the mail was refused to this server once.
    world.redelivered().await;
    assert_eq!((smtp.attempts(), smtp.arrived().len(), owner.receipts().len()), (0, 0, 0));
    assert_eq!(world.waiting().await, 1);
}

/// The program as it is run, with a server as they are out there.
#[tokio::test]
async fn the_program_sends_by_starttls_with_a_password() {
    let smtp = SmtpServer::with_tls_and_password("hunter2").await;
    let dir = tempfile::tempdir().expect("a folder");
    let trusted = dir.path().join("trusted.pem");
    std::fs::write(&trusted, smtp.certificate()).expect("writes");
    let world = World::without_mailer().await;
    let owner = world.owner().await;
    let mut program = Command::new(env!("CARGO_BIN_EXE_mailer-svc"))
        .env_clear()
        .env("ADMIN_ADDR", "127.0.0.1:0")
        .env("NATS_URL", world.nats.url())
        .env("MAIL_TRANSPORT_URL", format!("smtp://ann:hunter2@localhost:{}", smtp.port()))
        .env("MAIL_FROM", "no-reply@example.com")
        .env("SSL_CERT_FILE", trusted)
        .env("RUST_LOG", "debug")
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()
        .expect("starts mailer-svc");
    world.hand_over(&mail()).await;
    assert_eq!(owner.receipt().await.outcome, Outcome::Sent);
    assert_eq!(smtp.arrived()[0].user.as_deref(), Some("ann"));
    program.start_kill().expect("kills mailer-svc");
    let output = program.wait_with_output().await.expect("ends");
    let log = String::from_utf8_lossy(&output.stdout);
    assert!(log.contains("a mail was sent"), "{log}");
    for secret in ["hunter2", "token=x", "ann@example.com"] {
        assert!(!log.contains(secret), "{secret:?} in {log}");
    }
}

#[tokio::test]
async fn a_template_can_be_previewed() {
    let preview = async |name: &str| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_mailer-svc"));
        program.env_clear().args(["preview", name]).output().await.expect("runs")
    };
    let shown = preview("verify-email").await;
    assert!(shown.status.success());
    let shown = String::from_utf8(shown.stdout).expect("text");
    assert!(
        shown.starts_with("Subject: Confirm your e-mail address\n\nHello Ann Example,"),
        "{shown}"
    );
    let refused = preview("news").await;
    assert!(!refused.status.success());
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("verify-email and password-recovered")
    );
}
