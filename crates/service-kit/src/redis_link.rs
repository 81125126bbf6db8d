//! The connection to Redis, together with which Redis it leads to.
//!
//! The two are one value, and a connection never reconnects by itself, so nobody
//! can read from one Redis process while believing to be connected to another. A
//! heartbeat notices when the process is gone, hangs, or is no longer the same
//! primary, and makes a new pair.

use std::{sync::Arc, time::Duration};

use arc_swap::ArcSwapOption;
use contract::session_copy::Provenance;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo, ProtocolVersion, PushInfo, PushKind, Value,
    aio::MultiplexedConnection,
};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{
    fault::{Chain, Fault, While},
    kit::Kit,
};

/// A command that takes longer has failed; a caller has better ways then.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_millis(200);

/// There is no connection to Redis at the moment.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not connected to Redis")]
pub struct Away;

/// A connection and where it leads.
#[derive(Clone)]
pub struct Connected {
    pub connection: MultiplexedConnection,
    pub here: Provenance,
}

/// Told of changes to keys, in the order in which Redis speaks of them: what was
/// changed before a heartbeat was answered has been told before `confirmed`.
pub trait Observer: Send + Sync + 'static {
    /// A heartbeat that was sent at this instant has been answered.
    fn confirmed(&self, sent_at: Instant);
    /// A key has changed; or all of them have, for all we know.
    fn changed(&self, key: Option<&[u8]>);
    /// Changes may have been missed: nothing that was read before counts any more.
    fn lost(&self);
}

/// An observer and the keys it watches.
#[derive(Clone)]
struct Watch {
    prefix: &'static str,
    observer: Arc<dyn Observer>,
}

/// Keeps a connection to Redis.
#[derive(Clone, Default)]
pub struct RedisLink(Arc<ArcSwapOption<Connected>>);

impl RedisLink {
    /// Connects in the background, for as long as the service runs.
    pub fn start(url: &str, kit: &mut Kit) -> Result<Self, Fault> {
        Self::start_with(url, None, kit)
    }

    /// The same, with somebody told of every change to keys that begin with
    /// `prefix`. It is the one connection that reads and tells, so that nobody reads
    /// from a Redis of whose changes they are not told.
    pub fn start_observed(
        url: &str,
        prefix: &'static str,
        observer: Arc<dyn Observer>,
        kit: &mut Kit,
    ) -> Result<Self, Fault> {
        Self::start_with(url, Some(Watch { prefix, observer }), kit)
    }

    fn start_with(url: &str, watch: Option<Watch>, kit: &mut Kit) -> Result<Self, Fault> {
        let client = client(url).doing("reading REDIS_URL")?;
        let link = Self::default();
        let keeper = link.clone();
        let stop = kit.shutdown().clone();
        kit.spawn(async move {
            stop.run_until_cancelled(keeper.keep(&client, watch.as_ref())).await;
        });
        let probe = link.clone();
        kit.readiness().check("redis", move || {
            let connected = probe.get().map(|_| ()).doing("reaching Redis");
            async move { connected }
        });
        Ok(link)
    }

    pub fn get(&self) -> Result<Arc<Connected>, Away> {
        self.0.load_full().ok_or(Away)
    }

    async fn keep(&self, client: &Client, watch: Option<&Watch>) {
        let mut beat = interval(HEARTBEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reported = false;
        loop {
            beat.tick().await;
            match connect(client, watch).await {
                Ok(connected) => {
                    tracing::info!(
                        redis.provenance = connected.here.as_str(),
                        "connected to Redis"
                    );
                    reported = false;
                    let watched = connected.clone();
                    self.0.store(Some(Arc::new(connected)));
                    let why = until_lost(watched, watch).await;
                    self.0.store(None);
                    if let Some(watch) = watch {
                        watch.observer.lost();
                    }
                    tracing::warn!(error = %Chain(&why), "lost Redis");
                }
                Err(fault) if !reported => {
                    reported = true;
                    tracing::warn!(error = %Chain(&fault), "cannot reach Redis; trying again");
                }
                Err(_) => {}
            }
        }
    }
}

/// RESP3, in which Redis can speak without being asked.
fn client(url: &str) -> redis::RedisResult<Client> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    Client::open(info.set_redis_settings(settings))
}

async fn connect(client: &Client, watch: Option<&Watch>) -> Result<Connected, Fault> {
    let mut config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    if let Some(watch) = watch {
        let observer = Arc::clone(&watch.observer);
        config = config.set_push_sender(move |push| {
            tell(&*observer, &push);
            Ok::<_, std::convert::Infallible>(())
        });
    }
    let connecting = client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connecting.await.doing("connecting to Redis")?;
    if let Some(watch) = watch {
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(watch.prefix);
        tracking
            .query_async::<()>(&mut connection)
            .await
            .doing("asking Redis to tell of changes")?;
        // What was read elsewhere while nobody told us of changes is in doubt too.
        watch.observer.lost();
    }
    let here = provenance(&mut connection).await?;
    Ok(Connected { connection, here })
}

/// Passes on what Redis says without being asked. Called where replies are read, so
/// in their order, and before a reply that came later is handed on.
fn tell(observer: &dyn Observer, push: &PushInfo) {
    match (&push.kind, push.data.first()) {
        (PushKind::Invalidate, Some(Value::Array(keys))) => {
            for key in keys {
                match key {
                    Value::BulkString(key) => observer.changed(Some(key)),
                    _ => observer.changed(None),
                }
            }
        }
        (PushKind::Invalidate, _) => observer.changed(None),
        (PushKind::Disconnection, _) => observer.lost(),
        _ => {}
    }
}

/// Returns when the connection no longer leads where it did. One missed beat
/// only means that Redis is slow; two mean that it is gone.
async fn until_lost(mut connected: Connected, watch: Option<&Watch>) -> Fault {
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut missed = 0;
    loop {
        beat.tick().await;
        let sent_at = Instant::now();
        match provenance(&mut connected.connection).await {
            Ok(here) if here == connected.here => {
                missed = 0;
                if let Some(watch) = watch {
                    watch.observer.confirmed(sent_at);
                }
            }
            Ok(_) => return moved(),
            Err(fault) if missed >= 1 || !is_timeout(&fault) => return fault,
            Err(_) => missed += 1,
        }
    }
}

fn is_timeout(fault: &Fault) -> bool {
    let cause = std::error::Error::source(fault);
    cause
        .and_then(|cause| cause.downcast_ref::<redis::RedisError>())
        .is_some_and(redis::RedisError::is_timeout)
}

fn moved() -> Fault {
    match Err::<(), _>("it is another process or no longer the same primary")
        .doing("watching Redis")
    {
        Ok(()) => unreachable!("an error is never Ok"),
        Err(fault) => fault,
    }
}

async fn provenance(connection: &mut MultiplexedConnection) -> Result<Provenance, Fault> {
    let info: String = redis::cmd("INFO")
        .arg("server")
        .arg("replication")
        .query_async(connection)
        .await
        .doing("asking Redis which process it is")?;
    parse_provenance(&info).doing("reading which Redis process it is")
}

fn parse_provenance(info: &str) -> Result<Provenance, &'static str> {
    let field =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    if field("role") != Some("master") {
        return Err("it is not a primary");
    }
    match (field("run_id"), field("master_replid")) {
        (Some(run_id), Some(replid)) => Ok(Provenance::new(run_id, replid)),
        _ => Err("INFO has no run_id and master_replid"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_is_named_by_its_process_and_its_reign() {
        let info = "# Server\r\nrun_id:aa\r\n# Replication\r\nrole:master\r\nmaster_replid:bb\r\n";
        assert_eq!(parse_provenance(info), Ok(Provenance::new("aa", "bb")));
    }

    #[test]
    fn a_replica_is_not_read_from() {
        let info = "run_id:aa\r\nrole:slave\r\nmaster_replid:bb\r\n";
        assert!(parse_provenance(info).is_err());
    }
}
