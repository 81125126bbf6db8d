//! NATS carries what services say to each other.

use std::time::Duration;

use async_nats::{
    Client, Event,
    jetstream::{
        self, consumer,
        stream::{ConsumerError, ConsumerErrorKind},
    },
};
use contract::mail::STREAM;
use mailer_svc::{queue, streams};
use secrecy::ExposeSecret;
use service_kit::NatsUrl;
use tokio::{sync::mpsc, time::timeout};

use super::{finding::Finding, network, surroundings::Named};

const SUBJECT: &str = "nats";
/// How long the server may take to refuse a subscription.
const REFUSAL: Duration = Duration::from_millis(300);
/// How long one server of several may take to let us in.
const ADMISSION: Duration = Duration::from_secs(2);

pub(crate) async fn examine(account: Named) -> Vec<Finding> {
    let Named { variable, url } = account;
    let url = match NatsUrl::parse(url.expose_secret()) {
        Ok(url) => url,
        Err(problem) => {
            let said = format!("{variable} is no address of NATS");
            return vec![Finding::bad(SUBJECT, said, problem.to_string())];
        }
    };
    let (refused, mut refusals) = mpsc::channel(8);
    let options = url.options().name("stellar doctor").event_callback(move |event| {
        let refused = refused.clone();
        async move {
            if let Event::ServerError(error) = event {
                refused.send(error.to_string()).await.ok();
            }
        }
    });
    match options.connect(url.servers()).await {
        Ok(client) => {
            let mut findings = look(&client, &variable, &mut refusals).await;
            findings.extend(in_the_clear(&url, &variable));
            findings.extend(absent(&url, &variable).await);
            findings
        }
        Err(error) => vec![Finding::bad(
            SUBJECT,
            format!("{variable} cannot be reached: {error}"),
            "see whether it runs, and whether address, user and password are right",
        )],
    }
}

fn in_the_clear(url: &NatsUrl, variable: &str) -> Option<Finding> {
    let is_here = url.servers().iter().all(|server| network::is_here(server.host()));
    let said = format!("{variable}: all is said");
    (!url.is_tls() && !is_here).then(|| network::in_the_clear(SUBJECT, &said, "use tls://"))
}

/// Servers of a cluster that are named and not there. The others do their work.
async fn absent(url: &NatsUrl, variable: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if url.servers().len() == 1 {
        return findings;
    }
    for server in url.servers() {
        let admission = url.options().connect(server.clone());
        if !matches!(timeout(ADMISSION, admission).await, Ok(Ok(_))) {
            findings.push(Finding::warning(
                SUBJECT,
                format!("{variable}: {}:{} cannot be reached", server.host(), server.port()),
                "start it again: the next server that is lost may be one too many",
            ));
        }
    }
    findings
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
    findings.extend(streams(client).await);
    findings.push(may_hear_everything(client, variable, refusals).await);
    findings
}

/// The streams of mails are made by mailer-svc.
async fn streams(client: &Client) -> Vec<Finding> {
    let context = jetstream::new(client.clone());
    let mut findings = Vec::new();
    for name in streams::NAMES {
        match context.get_stream(name).await {
            Ok(stream) => {
                findings.push(judge(stream.cached_info()));
                // Whoever may not see the one may not see the other, and waits in vain.
                if name == STREAM {
                    findings.push(judge_consumer(queue::look_up(&context).await));
                }
            }
            Err(error) => findings.push(Finding::warning(
                SUBJECT,
                format!("the stream {name} cannot be seen: {error}"),
                "start mailer-svc, which makes it; turn JetStream on; or ask with mailer-svc's account",
            )),
        }
    }
    findings
}

/// Without a leader nothing leaves the queue, although the stream has one.
fn judge_consumer(found: Result<consumer::Info, ConsumerError>) -> Finding {
    let led = |info: &consumer::Info| info.cluster.as_ref().is_none_or(|it| it.leader.is_some());
    match found {
        Ok(info) if led(&info) => Finding::good(SUBJECT, "mails are taken from the queue"),
        Err(error) if !matches!(error.kind(), ConsumerErrorKind::TimedOut) => Finding::warning(
            SUBJECT,
            format!("the consumer of mails cannot be seen: {error}"),
            "start mailer-svc, which makes it, or ask with mailer-svc's account",
        ),
        _ => Finding::bad(
            SUBJECT,
            "the consumer of mails has no leader: mails wait",
            "start the servers that are gone; if all are there, `stellar streams` makes it anew",
        ),
    }
}

/// It must be on disk, and where there are several servers, on more than one.
fn judge(info: &jetstream::stream::Info) -> Finding {
    let (config, up_to_date) = (&info.config, streams::up_to_date(info));
    let replicas = config.num_replicas;
    let said = format!("the stream {} has {replicas} replica(s)", config.name);
    let leaderless = info.cluster.as_ref().is_some_and(|cluster| cluster.leader.is_none());
    if config.storage == jetstream::stream::StorageType::Memory {
        return Finding::bad(
            SUBJECT,
            format!("{said}, in memory"),
            "let JetStream use a disk: mails that wait would be lost",
        );
    }
    if leaderless {
        let mend = "start the servers that are gone: until more than half are there, mails wait";
        return Finding::bad(SUBJECT, format!("{said} and no leader"), mend);
    }
    if up_to_date < replicas {
        let said = format!("{said}, and only {up_to_date} of them have all of it");
        let mend = "see whether every server of NATS runs and reaches the others";
        return Finding::warning(SUBJECT, said, mend);
    }
    if info.cluster.is_some() && replicas == 1 {
        return Finding::warning(
            SUBJECT,
            format!("{said} in a cluster: mails wait while that server is away"),
            "`stellar streams --replicas 3` with the operator's NATS_URL",
        );
    }
    Finding::good(SUBJECT, said)
}

/// Links that sign people in pass through here.
async fn may_hear_everything(
    client: &Client,
    variable: &str,
    refusals: &mut mpsc::Receiver<String>,
) -> Finding {
    let subscribed = client.subscribe(">").await;
    client.flush().await.ok();
    let refused = timeout(REFUSAL, refusals.recv()).await;
    if subscribed.is_err() || matches!(refused, Ok(Some(_))) {
        return Finding::good(SUBJECT, format!("{variable} may not listen to everything"));
    }
    Finding::warning(
        SUBJECT,
        format!("{variable} may listen to everything, mails included"),
        "give each service an account of its own, as in deploy/nats/",
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::doctor::finding::Verdict;

    fn verdict(replicas: usize, storage: &str, cluster: &Value) -> Verdict {
        let info = json!({
            "config": {
                "name": "MAIL", "subjects": ["mail.v1.send"], "retention": "workqueue",
                "max_consumers": -1, "max_msgs": -1, "max_bytes": -1, "discard": "old",
                "max_age": 0, "storage": storage, "num_replicas": replicas,
            },
            "created": "2026-11-24T12:00:00Z",
            "state": {
                "messages": 0, "bytes": 0, "first_seq": 0, "last_seq": 0, "consumer_count": 1,
                "first_ts": "2026-11-24T12:00:00Z", "last_ts": "2026-11-24T12:00:00Z",
            },
            "cluster": cluster,
        });
        judge(&serde_json::from_value(info).expect("as a server says it")).verdict
    }

    fn peer(current: bool, offline: bool) -> Value {
        json!({ "name": "nats-2", "current": current, "offline": offline, "active": 0 })
    }

    #[test]
    fn a_stream_is_where_it_should_be() {
        assert_eq!(verdict(1, "file", &Value::Null), Verdict::Good);
        assert_eq!(verdict(1, "memory", &Value::Null), Verdict::Bad);
        let alone = json!({ "name": "c", "leader": "nats" });
        assert_eq!(verdict(1, "file", &alone), Verdict::Warning);
        let cluster = |leader: Value, peers: [Value; 2]| json!({ "name": "c", "leader": leader, "replicas": peers });
        let whole = cluster(json!("nats"), [peer(true, false), peer(true, false)]);
        assert_eq!(verdict(3, "file", &whole), Verdict::Good);
        let short = cluster(json!("nats"), [peer(true, false), peer(false, true)]);
        assert_eq!(verdict(3, "file", &short), Verdict::Warning);
        let lost = cluster(Value::Null, [peer(false, true), peer(false, true)]);
        assert_eq!(verdict(3, "file", &lost), Verdict::Bad);
    }
}
