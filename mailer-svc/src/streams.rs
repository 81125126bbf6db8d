//! The three streams that mailer-svc has in JetStream, and how many servers keep each.
//!
//! A stream that is there is taken as it is, so that what an operator has changed about
//! it stays.

use std::{collections::HashSet, str::FromStr, time::Duration};

use async_nats::{
    Client,
    jetstream::{
        self, Context,
        context::{GetStreamError, GetStreamErrorKind},
        response::Response,
        stream::{self, Stream},
    },
};
use contract::mail::{DEAD_STREAM, DEAD_SUBJECT, STREAM, SUBJECT};
use prometheus_client::{
    metrics::{family::Family, gauge::Gauge},
    registry::Registry,
};
use serde_json::Value;
use service_kit::{Fault, While};
use tokio::time::interval;

/// The bucket of what became of each mail.
pub const BUCKET: &str = "MAIL_SENT";
const RECORDS: &str = "KV_MAIL_SENT";
/// All there are.
pub const NAMES: [&str; 3] = [STREAM, DEAD_STREAM, RECORDS];

const DAY: Duration = Duration::from_hours(24);
const DUPLICATE_WINDOW: Duration = Duration::from_mins(2);
/// How often the streams are looked at.
const LOOK: Duration = Duration::from_secs(30);
/// A majority is left when one of so many is lost.
const IN_A_CLUSTER: usize = 3;
/// More than JetStream allows is a slip of the keyboard.
const MOST: usize = 5;

/// `NATS_REPLICAS`: how many servers are to keep each stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Replicas {
    /// Three in a cluster, one elsewhere.
    Auto,
    Exactly(usize),
}

impl FromStr for Replicas {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(count) if (1..=MOST).contains(&count) => Ok(Self::Exactly(count)),
            _ => Err("expected auto or a number from 1 to 5"),
        }
    }
}

impl Replicas {
    fn on(self, client: &Client) -> usize {
        match self {
            Self::Exactly(count) => count,
            Self::Auto if client.server_info().cluster.is_some() => IN_A_CLUSTER,
            Self::Auto => 1,
        }
    }
}

#[derive(Clone)]
pub struct Streams {
    client: Client,
    jetstream: Context,
    replicas: Replicas,
    missing: Family<Vec<(&'static str, &'static str)>, Gauge>,
}

impl Streams {
    pub fn new(client: Client, replicas: Replicas, registry: &mut Registry) -> Self {
        let missing = Family::default();
        let about = "Servers of NATS that should have all of the stream and have not";
        registry.register("mailer_stream_servers_missing", about, missing.clone());
        Self { jetstream: jetstream::new(client.clone()), client, replicas, missing }
    }

    #[must_use]
    pub fn jetstream(&self) -> &Context {
        &self.jetstream
    }

    /// The stream of this name, made if need be: as soon as there are enough servers. Only
    /// who is connected knows whether it is to a cluster.
    pub async fn open(&self, mut config: stream::Config) -> Result<Stream, Fault> {
        match self.jetstream.get_stream(&config.name).await {
            Err(error) if is_not_found(&error) => {}
            opened => return opened.doing("opening a stream"),
        }
        config.num_replicas = self.replicas.on(&self.client);
        let name = config.name.clone();
        let created = self.jetstream.create_stream(config).await.doing("making a stream")?;
        tracing::info!(
            stream = name,
            replicas = created.cached_info().config.num_replicas,
            "a stream was made"
        );
        Ok(created)
    }

    /// Looks again and again how many servers keep each stream, for as long as it is let.
    pub async fn watch(self) {
        let mut again = interval(LOOK);
        let mut reported = HashSet::new();
        loop {
            again.tick().await;
            for name in NAMES {
                let servers = self.jetstream.get_stream(name).await;
                let servers = servers.map_or(0, |stream| up_to_date(stream.cached_info()));
                let missing = self.replicas.on(&self.client).saturating_sub(servers);
                let gauge = self.missing.get_or_create(&vec![("stream", name)]);
                gauge.set(i64::try_from(missing).unwrap_or(i64::MAX));
                if missing == 0 {
                    reported.remove(name);
                } else if reported.insert(name) {
                    tracing::warn!(
                        stream = name,
                        servers,
                        missing,
                        "too few servers keep a stream"
                    );
                }
            }
        }
    }
}

/// Has so many servers keep each stream; gives the names of those that were kept by
/// another number. This takes an account that may change streams, which mailer-svc's may
/// not: whoever changes the subjects of a stream reads what everybody says.
pub async fn spread(jetstream: &Context, replicas: usize) -> Result<Vec<&'static str>, Fault> {
    let mut changed = Vec::new();
    for name in NAMES {
        // As JSON, because a newer server may know settings that we do not.
        let mut info = ask(jetstream, format!("STREAM.INFO.{name}"), &Value::Null).await?;
        let mut config = info["config"].take();
        if config["num_replicas"] != replicas {
            config["num_replicas"] = replicas.into();
            ask(jetstream, format!("STREAM.UPDATE.{name}"), &config).await?;
            changed.push(name);
        }
    }
    Ok(changed)
}

async fn ask(jetstream: &Context, subject: String, question: &Value) -> Result<Value, Fault> {
    match jetstream.request(subject, question).await.doing("asking JetStream")? {
        Response::Ok(answer) => Ok(answer),
        Response::Err { error } => Err(error).doing("asking JetStream"),
    }
}

fn is_not_found(error: &GetStreamError) -> bool {
    matches!(error.kind(), GetStreamErrorKind::JetStream(error) if error.code() == 404)
}

/// Servers that have all that is in the stream, its leader among them.
#[must_use]
pub fn up_to_date(info: &stream::Info) -> usize {
    match &info.cluster {
        None => 1,
        Some(cluster) => {
            let others = cluster.replicas.iter().filter(|peer| peer.current && !peer.offline);
            usize::from(cluster.leader.is_some()) + others.count()
        }
    }
}

/// The work queue.
#[must_use]
pub fn mails() -> stream::Config {
    stream::Config {
        retention: stream::RetentionPolicy::WorkQueue,
        max_age: 7 * DAY,
        description: Some("mails to be sent".to_owned()),
        ..of(STREAM, SUBJECT)
    }
}

#[must_use]
pub fn dead_letters() -> stream::Config {
    stream::Config {
        max_age: 30 * DAY,
        description: Some("mails that cannot be delivered, and why".to_owned()),
        ..of(DEAD_STREAM, DEAD_SUBJECT)
    }
}

fn of(name: &str, subject: &str) -> stream::Config {
    stream::Config {
        name: name.to_owned(),
        subjects: vec![subject.to_owned()],
        storage: stream::StorageType::File,
        duplicate_window: DUPLICATE_WINDOW,
        ..Default::default()
    }
}

/// The stream behind the bucket, as NATS ADR-8 has it. The client's own way to
/// make a bucket asks the server for more than servers before 2.10 tell.
#[must_use]
pub fn records() -> stream::Config {
    stream::Config {
        name: RECORDS.to_owned(),
        subjects: vec![format!("$KV.{BUCKET}.>")],
        description: Some("what became of each mail".to_owned()),
        max_messages_per_subject: 1,
        // No owner hands a mail over again after this long.
        max_age: 7 * DAY,
        storage: stream::StorageType::File,
        discard: stream::DiscardPolicy::New,
        allow_rollup: true,
        deny_delete: true,
        allow_direct: true,
        ..Default::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replicas_are_a_small_number_or_follow_from_the_server() {
        assert_eq!("auto".parse(), Ok(Replicas::Auto));
        assert_eq!("3".parse(), Ok(Replicas::Exactly(3)));
        for text in ["0", "6", "-1", "", "three"] {
            assert!(text.parse::<Replicas>().is_err(), "{text}");
        }
    }
}
