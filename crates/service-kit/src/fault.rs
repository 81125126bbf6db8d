//! Faults: something broke under us, as opposed to a refusal, which is an answer.
//!
//! A fault is logged once, where it turns into an answer, with its whole chain.

use std::{error::Error as StdError, fmt, sync::Arc};

use crate::bus::BusError;

type BoxError = Box<dyn StdError + Send + Sync>;

/// Something broke while we were `doing` it. All who waited for the same thing get the
/// same fault.
#[derive(Debug, Clone, thiserror::Error)]
#[error("failed {doing}")]
pub struct Fault {
    doing: &'static str,
    source: Arc<dyn StdError + Send + Sync>,
}

/// Names the work, so the log reads "failed opening the session: connection refused".
pub trait While<T> {
    fn doing(self, what: &'static str) -> Result<T, Fault>;
}

impl<T, E: Into<BoxError>> While<T> for Result<T, E> {
    fn doing(self, what: &'static str) -> Result<T, Fault> {
        self.map_err(|source| Fault { doing: what, source: Arc::from(source.into()) })
    }
}

impl Fault {
    /// A fault that is not about an error of somebody else's.
    #[must_use]
    pub fn because(doing: &'static str, why: &'static str) -> Self {
        Self { doing, source: Arc::from(BoxError::from(why)) }
    }

    /// Whether something we depend on is away, so that asking again may help.
    /// Anything else is a bug or a corrupt row, and will be the same next time.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        let mut cause: Option<&(dyn StdError + 'static)> = Some(self.source.as_ref());
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<sqlx::Error>() {
                return is_database_outage(error);
            }
            if let Some(error) = error.downcast_ref::<redis::RedisError>() {
                return is_redis_outage(error);
            }
            if error.is::<BusError>() || error.is::<crate::redis_link::Away>() {
                return true;
            }
            cause = error.source();
        }
        false
    }
}

/// Whether it is away, or another one has taken over or is about to.
fn is_redis_outage(error: &redis::RedisError) -> bool {
    use redis::{ErrorKind::Server, ServerErrorKind as Kind};
    let taken_over = matches!(
        error.kind(),
        Server(
            Kind::Moved
                | Kind::Ask
                | Kind::TryAgain
                | Kind::ClusterDown
                | Kind::MasterDown
                | Kind::ReadOnly
                | Kind::BusyLoading
        )
    );
    // Too few replicas listen (`min-replicas-to-write`).
    let alone = error.code() == Some("NOREPLICAS");
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || taken_over
        || alone
}

fn is_database_outage(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_)
        | sqlx::Error::Tls(_)
        | sqlx::Error::PoolTimedOut
        | sqlx::Error::PoolClosed
        | sqlx::Error::WorkerCrashed => true,
        // Classes of SQLSTATE: 08 connection exception, 53 insufficient resources,
        // 57 operator intervention (shutting down, starting up).
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| ["08", "53", "57"].iter().any(|class| code.starts_with(class))),
        _ => false,
    }
}

/// An error with all its causes. The JSON log format would print the first only.
pub struct Chain<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_names_the_work_and_the_cause() {
        let fault = Err::<(), _>(std::io::Error::other("no route")).doing("asking").unwrap_err();
        assert_eq!(Chain(&fault).to_string(), "failed asking: no route");
    }

    #[test]
    fn a_pool_that_times_out_is_an_outage_and_a_bad_row_is_not() {
        assert!(Err::<(), _>(sqlx::Error::PoolTimedOut).doing("x").unwrap_err().is_outage());
        assert!(!Err::<(), _>(sqlx::Error::RowNotFound).doing("x").unwrap_err().is_outage());
    }

    #[test]
    fn a_redis_that_has_been_replaced_is_an_outage_and_a_missing_permission_is_not() {
        let fault = |said: &str| {
            let said = redis::parse_redis_value(format!("-{said}\r\n").as_bytes());
            said.and_then(redis::Value::extract_error).doing("x").unwrap_err()
        };
        for said in [
            "MOVED 3999 127.0.0.1:6381",
            "ASK 3999 127.0.0.1:6381",
            "CLUSTERDOWN The cluster is down",
            "READONLY You can't write against a read only replica.",
            "LOADING Redis is loading the dataset in memory",
            "NOREPLICAS Not enough good replicas to write.",
        ] {
            assert!(fault(said).is_outage(), "{said}");
        }
        for said in ["NOPERM no permissions", "WRONGTYPE Operation against a key", "ERR syntax"] {
            assert!(!fault(said).is_outage(), "{said}");
        }
    }
}
