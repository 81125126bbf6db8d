//! NATS carries what services say to each other.

use std::time::Duration;

use async_nats::{Client, ConnectOptions, Event, ServerAddr, jetstream};
use contract::mail;
use secrecy::ExposeSecret;
use tokio::sync::mpsc;

use super::{finding::Finding, surroundings::Named};

const SUBJECT: &str = "nats";
/// How long the server may take to refuse a subscription.
const REFUSAL: Duration = Duration::from_millis(300);

pub(crate) async fn examine(account: Named) -> Vec<Finding> {
    let Named { variable, url } = account;
    let Ok(server) = url.expose_secret().parse::<ServerAddr>() else {
        let mend = "expected nats://user:password@host:port";
        return vec![Finding::bad(SUBJECT, format!("{variable} is no address of NATS"), mend)];
    };
    let (refused, mut refusals) = mpsc::channel(8);
    let options = match (server.username(), server.password()) {
        (Some(user), Some(password)) => {
            ConnectOptions::with_user_and_password(user.to_owned(), password.to_owned())
        }
        _ => ConnectOptions::new(),
    };
    let options = options.name("stellar doctor").event_callback(move |event| {
        let refused = refused.clone();
        async move {
            if let Event::ServerError(error) = event {
                refused.send(error.to_string()).await.ok();
            }
        }
    });
    match options.connect(server).await {
        Ok(client) => look(&client, &variable, &mut refusals).await,
        Err(error) => vec![Finding::bad(
            SUBJECT,
            format!("{variable} cannot be reached: {error}"),
            "see whether it runs, and whether address, user and password are right",
        )],
    }
}

async fn look(
    client: &Client,
    variable: &str,
    refusals: &mut mpsc::Receiver<String>,
) -> Vec<Finding> {
    let info = client.server_info();
    let mut findings =
        vec![Finding::good(SUBJECT, format!("{variable}: version {}", info.version))];
    if !info.auth_required {
        findings.push(Finding::bad(
            SUBJECT,
            "anybody who reaches it may do everything",
            "give each service an account of its own, as in deploy/nats/",
        ));
    }
    findings.push(streams(client).await);
    findings.push(may_hear_everything(client, variable, refusals).await);
    findings
}

/// The queue of mails is made by mailer-svc; it must be on disk.
async fn streams(client: &Client) -> Finding {
    let context = jetstream::new(client.clone());
    match context.get_stream(mail::STREAM).await {
        Ok(stream) => {
            let config = &stream.cached_info().config;
            let said = format!("the queue {} has {} replica(s)", config.name, config.num_replicas);
            if config.storage == jetstream::stream::StorageType::Memory {
                return Finding::bad(
                    SUBJECT,
                    format!("{said}, in memory"),
                    "let JetStream use a disk: mails that wait would be lost",
                );
            }
            Finding::good(SUBJECT, said)
        }
        Err(error) => Finding::warning(
            SUBJECT,
            format!("the queue {} cannot be seen: {error}", mail::STREAM),
            "start mailer-svc, which makes it; turn JetStream on; or ask with mailer-svc's account",
        ),
    }
}

/// Links that sign people in pass through here.
async fn may_hear_everything(
    client: &Client,
    variable: &str,
    refusals: &mut mpsc::Receiver<String>,
) -> Finding {
    let subscribed = client.subscribe(">").await;
    client.flush().await.ok();
    let refused = tokio::time::timeout(REFUSAL, refusals.recv()).await;
    if subscribed.is_err() || matches!(refused, Ok(Some(_))) {
        return Finding::good(SUBJECT, format!("{variable} may not listen to everything"));
    }
    Finding::warning(
        SUBJECT,
        format!("{variable} may listen to everything, mails included"),
        "give each service an account of its own, as in deploy/nats/",
    )
}
