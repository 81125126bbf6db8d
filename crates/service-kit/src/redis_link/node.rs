//! One connection to one Redis process, and which it is.

use std::{convert::Infallible, sync::Arc, time::Duration};

use contract::session_copy::Provenance;
use redis::{
    AsyncConnectionConfig, Client, ConnectionInfo, PushInfo, PushKind, Value,
    aio::MultiplexedConnection,
};

use super::{Connected, Observer, Watch};
use crate::fault::{Fault, While};

/// A command that takes longer has failed; a caller has better ways then.
pub(super) const RESPONSE_TIMEOUT: Duration = Duration::from_millis(250);
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// How a Redis runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Alone,
    InCluster,
}

/// Connects, and has the observer told of changes before anything is read.
pub(super) async fn connect(
    info: &ConnectionInfo,
    mode: Mode,
    watch: Option<&Watch>,
) -> Result<Connected, Fault> {
    let mut config = settings();
    if let Some(watch) = watch {
        let observer = Arc::clone(&watch.observer);
        config = config.set_push_sender(move |push| {
            tell(&*observer, &push);
            Ok::<_, Infallible>(())
        });
    }
    let mut connection = open(info, config).await.doing("connecting to Redis")?;
    if let Some(watch) = watch {
        let mut tracking = redis::cmd("CLIENT");
        tracking.arg("TRACKING").arg("ON").arg("BCAST").arg("PREFIX").arg(watch.prefix);
        tracking
            .query_async::<()>(&mut connection)
            .await
            .doing("asking Redis to tell of changes")?;
    }
    let here = provenance(&mut connection, mode).await?;
    Ok(Connected { connection, here })
}

/// A connection for questions.
pub(super) async fn reach(info: &ConnectionInfo) -> redis::RedisResult<MultiplexedConnection> {
    open(info, settings()).await
}

fn settings() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECTION_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT))
}

async fn open(
    info: &ConnectionInfo,
    config: AsyncConnectionConfig,
) -> redis::RedisResult<MultiplexedConnection> {
    Client::open(info.clone())?.get_multiplexed_async_connection_with_config(&config).await
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

/// Which primary it is, in which reign.
pub(super) async fn provenance(
    connection: &mut MultiplexedConnection,
    mode: Mode,
) -> Result<Provenance, Fault> {
    let info: Vec<String> =
        about().query_async(connection).await.doing("asking Redis which process it is")?;
    parse_provenance(&info.concat(), mode).doing("reading which Redis process it is")
}

/// Asks for what [`parse_provenance`] reads: one section each, as Redis 6 has it.
pub(super) fn about() -> redis::Pipeline {
    let mut about = redis::pipe();
    about.cmd("INFO").arg("server").cmd("INFO").arg("replication");
    about
}

pub(super) fn parse_provenance(info: &str, mode: Mode) -> Result<Provenance, &'static str> {
    let field =
        |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    match (field("redis_mode"), mode) {
        (Some("cluster"), Mode::Alone) => {
            return Err("it is a node of a Redis Cluster, which needs redis+cluster://");
        }
        (Some("sentinel"), _) => return Err("it is a Sentinel, which needs redis+sentinel://"),
        (Some("standalone"), Mode::InCluster) => return Err("it is no node of a Redis Cluster"),
        _ => {}
    }
    if field("role") != Some("master") {
        return Err("it is not a primary");
    }
    match (field("run_id"), field("master_replid")) {
        (Some(run_id), Some(replid)) => Ok(Provenance::new(run_id, replid)),
        _ => Err("INFO has no run_id and master_replid"),
    }
}

/// Whether it is only late: one missed beat means that Redis is slow, two that it is gone.
pub(super) fn is_timeout(fault: &Fault) -> bool {
    let cause = std::error::Error::source(fault);
    cause
        .and_then(|cause| cause.downcast_ref::<redis::RedisError>())
        .is_some_and(redis::RedisError::is_timeout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_primary_is_named_by_its_process_and_its_reign() {
        let info = "# Server\r\nredis_mode:standalone\r\nrun_id:aa\r\n\
            # Replication\r\nrole:master\r\nmaster_replid:bb\r\n";
        assert_eq!(parse_provenance(info, Mode::Alone), Ok(Provenance::new("aa", "bb")));
        assert!(parse_provenance(info, Mode::InCluster).is_err());
    }

    #[test]
    fn a_replica_is_not_read_from() {
        let info = "run_id:aa\r\nrole:slave\r\nmaster_replid:bb\r\n";
        assert!(parse_provenance(info, Mode::Alone).is_err());
    }

    #[test]
    fn a_server_of_another_kind_is_named() {
        let node = "redis_mode:cluster\r\nrun_id:aa\r\nrole:master\r\nmaster_replid:bb\r\n";
        assert!(parse_provenance(node, Mode::InCluster).is_ok());
        let error = parse_provenance(node, Mode::Alone).expect_err("not by itself");
        assert!(error.contains("redis+cluster"), "{error}");
        let sentinel = "redis_mode:sentinel\r\nrun_id:aa\r\n";
        assert!(parse_provenance(sentinel, Mode::Alone).expect_err("no").contains("Sentinel"));
    }
}
