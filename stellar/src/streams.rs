//! `stellar streams`: how many servers of NATS keep what mailer-svc keeps there, and the
//! consumer of mails made anew.

use std::process::ExitCode;

use anyhow::Context;
use async_nats::jetstream;
use mailer_svc::{queue, streams};
use service_kit::{Env, Fault, NatsUrl, fault::Chain};

#[expect(clippy::print_stdout, clippy::print_stderr, reason = "a command talks to its terminal")]
pub(crate) async fn spread(replicas: usize) -> ExitCode {
    match try_spread(replicas).await {
        Ok(changed) if changed.is_empty() => println!("kept by {replicas} already"),
        Ok(changed) => println!("now kept by {replicas}: {}", changed.join(", ")),
        Err(error) => {
            eprintln!("stellar: {error:#}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

async fn try_spread(replicas: usize) -> anyhow::Result<Vec<&'static str>> {
    let env = Env::of_process();
    let url = NatsUrl::read(&env);
    let url = env.finish(url)?;
    let client = url.options().name("stellar streams").connect(url.servers()).await;
    let client = client.context("connecting to NATS")?;
    let jetstream = jetstream::new(client);
    let changed = async {
        let changed = streams::spread(&jetstream, replicas).await?;
        queue::renew_consumer(&jetstream).await?;
        Ok(changed)
    };
    changed.await.map_err(|fault: Fault| anyhow::anyhow!("{}", Chain(&fault)))
}
