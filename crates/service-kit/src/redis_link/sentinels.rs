//! Which of several is the primary, by a majority of the Sentinels.
//!
//! One Sentinel may be cut off together with an old primary, and name it still. They never
//! take back what they have learned of a failover, and any two majorities have one of them
//! in common; so while a majority names a primary, no other majority has named a later one
//! to somebody else.

use futures_util::{StreamExt, stream::FuturesUnordered};
use redis::{ConnectionInfo, RedisError, RedisResult, aio::MultiplexedConnection};
use tokio::time::{Instant, timeout_at};

use super::{
    node,
    servers::{Address, Sentinels},
};
use crate::fault::{Fault, While};

/// Too few Sentinels answered, or they did not agree.
#[derive(Debug, thiserror::Error)]
#[error("no majority of the {of} Sentinels names one primary called {name}")]
pub(super) struct NoMajority {
    of: usize,
    name: String,
    source: Option<RedisError>,
}

/// The Sentinels, each with a connection while there is one.
pub(super) struct Council {
    sentinels: Vec<Sentinel>,
    master_name: String,
    /// How the primary is reached, wherever it is.
    pub(super) node: ConnectionInfo,
}

struct Sentinel {
    info: ConnectionInfo,
    connection: Option<MultiplexedConnection>,
}

impl Council {
    pub(super) fn new(sentinels: Sentinels) -> Self {
        let Sentinels { all, master_name, node } = sentinels;
        let sentinel = |info| Sentinel { info, connection: None };
        Self { sentinels: all.into_iter().map(sentinel).collect(), master_name, node }
    }

    /// Asks all of them, and waits until enough have named the same, but no longer than
    /// for any other answer.
    pub(super) async fn find(&mut self) -> Result<Address, Fault> {
        let of = self.sentinels.len();
        let name = self.master_name.as_str();
        let mut asked: FuturesUnordered<_> =
            self.sentinels.iter_mut().map(|sentinel| sentinel.ask(name)).collect();
        let (mut named, mut source) = (Vec::with_capacity(of), None);
        let deadline = Instant::now() + node::RESPONSE_TIMEOUT;
        while let Ok(Some(answer)) = timeout_at(deadline, asked.next()).await {
            match answer {
                Ok(Some(address)) => named.push(address),
                Ok(None) => continue,
                Err(error) => {
                    source = Some(error);
                    continue;
                }
            }
            if let Some(address) = majority(&named, of) {
                return Ok(address.clone());
            }
        }
        Err(NoMajority { of, name: name.to_owned(), source }).doing("asking the Sentinels")
    }
}

/// What more than half of so many have named.
fn majority(named: &[Address], of: usize) -> Option<&Address> {
    let votes = |address: &&Address| named.iter().filter(|other| other == address).count();
    named.iter().find(|address| votes(address) > of / 2)
}

impl Sentinel {
    async fn ask(&mut self, master_name: &str) -> RedisResult<Option<Address>> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(node::reach(&self.info).await?),
        };
        let mut question = redis::cmd("SENTINEL");
        question.arg("GET-MASTER-ADDR-BY-NAME").arg(master_name);
        let answer: RedisResult<Option<(String, u16)>> = question.query_async(connection).await;
        if answer.is_err() {
            self.connection = None;
        }
        Ok(answer?.map(|(host, port)| Address::new(&host, port)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_half_of_all_must_agree_not_of_those_who_answer() {
        let (old, new) = (Address::new("old", 1), Address::new("new", 1));
        let named = |addresses: &[&Address], of| {
            let addresses: Vec<_> = addresses.iter().map(|address| (*address).clone()).collect();
            majority(&addresses, of).cloned()
        };
        assert_eq!(named(&[&old], 3), None);
        assert_eq!(named(&[&old, &new], 3), None);
        assert_eq!(named(&[&old, &new, &new], 3), Some(new.clone()));
        assert_eq!(named(&[&new, &new], 4), None);
        assert_eq!(named(&[&old], 1), Some(old));
    }
}
