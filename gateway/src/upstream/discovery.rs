//! Names to addresses. While one name cannot be looked up, its addresses from before
//! stand.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::SocketAddr,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use futures_util::future::join_all;
use pingora::{
    lb::{Backend, Extensions, discovery::ServiceDiscovery},
    prelude::Result,
    protocols::l4::socket::SocketAddr as PeerAddr,
};
use tokio::{net::lookup_host, time::timeout};

use crate::routes_file::{Address, UpstreamConfig};

const PATIENCE: Duration = Duration::from_secs(2);

pub(super) struct Names {
    upstream: String,
    addresses: Vec<Address>,
    known: Mutex<HashMap<String, Vec<SocketAddr>>>,
}

impl Names {
    pub(super) fn new(config: &UpstreamConfig) -> Self {
        Self {
            upstream: config.name.to_string(),
            addresses: config.addresses.clone(),
            known: Mutex::default(),
        }
    }

    async fn look_up(&self, name: &str) -> Vec<SocketAddr> {
        let found = match timeout(PATIENCE, lookup_host(name)).await {
            Ok(Ok(found)) => Ok(found.collect()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("it took too long".to_owned()),
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match found {
            Ok(found) => {
                known.insert(name.to_owned(), found);
            }
            Err(error) => {
                tracing::warn!(upstream = self.upstream, name, error, "a name was not looked up");
            }
        }
        known.get(name).cloned().unwrap_or_default()
    }
}

#[async_trait]
impl ServiceDiscovery for Names {
    async fn discover(&self) -> Result<(BTreeSet<Backend>, HashMap<u64, bool>)> {
        let looked_up = self.addresses.iter().map(|address| self.look_up(&address.host_and_port));
        let looked_up = join_all(looked_up).await;
        // Two names of one address add up.
        let mut weights: BTreeMap<SocketAddr, usize> = BTreeMap::new();
        for (address, found) in self.addresses.iter().zip(looked_up) {
            for found in found {
                *weights.entry(found).or_default() += address.weight;
            }
        }
        let backends = weights.into_iter().map(|(address, weight)| Backend {
            addr: PeerAddr::Inet(address),
            weight,
            ext: Extensions::new(),
        });
        Ok((backends.collect(), HashMap::new()))
    }
}
