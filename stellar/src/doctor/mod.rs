//! `stellar doctor`: proves a deployment from where it stands.
//!
//! A file for each thing that is examined. Every examination has a deadline of its
//! own, changes nothing that anybody could notice, and ends in findings; one that
//! cannot be made is a finding too.

mod clock;
mod configuration;
mod door;
mod finding;
mod mail;
mod nats;
mod network;
mod postgres;
mod redis;
pub(crate) mod report;
mod surroundings;

use std::time::Duration;

use tokio::time::timeout;

use finding::Finding;
pub(crate) use surroundings::Surroundings;

/// How long one examination may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Everything that was found, in the order in which it is best read.
pub(crate) async fn examine(surroundings: &Surroundings) -> Vec<Finding> {
    let (configured, deployment) = configuration::examine(surroundings);
    let mut findings = configured;
    findings.extend(network::trusted_proxies(surroundings));
    if let Some(deployment) = &deployment {
        findings.extend(network::cookies(deployment));
    }
    let door = async {
        match &deployment {
            Some(deployment) => door::examine(deployment).await,
            None => vec![Finding::skipped("door", "it is not known where the API is")],
        }
    };
    let (door, postgres, redis, nats, mail) = tokio::join!(
        within("door", door),
        each("postgres", "DATABASE_URL", surroundings, postgres::examine),
        each("redis", "REDIS_URL", surroundings, redis::examine),
        each("nats", "NATS_URL", surroundings, nats::examine),
        within("mail", mail::examine(surroundings)),
    );
    findings.extend([door, postgres, redis, nats, mail].into_iter().flatten());
    findings
}

/// One examination for each account that a store is known by.
async fn each<F>(
    subject: &'static str,
    ending: &str,
    surroundings: &Surroundings,
    examine: impl Fn(surroundings::Named) -> F,
) -> Vec<Finding>
where
    F: Future<Output = Vec<Finding>>,
{
    let accounts = surroundings.named(ending);
    if accounts.is_empty() {
        return vec![Finding::skipped(subject, &format!("{ending} is not set"))];
    }
    let mut findings = Vec::new();
    for account in accounts {
        findings.extend(within(subject, examine(account)).await);
    }
    findings
}

async fn within(
    subject: &'static str,
    examination: impl Future<Output = Vec<Finding>>,
) -> Vec<Finding> {
    timeout(PATIENCE, examination).await.unwrap_or_else(|_| {
        let said = format!("no answer within {} s", PATIENCE.as_secs());
        vec![Finding::bad(subject, said, "see whether it runs and can be reached from here")]
    })
}
