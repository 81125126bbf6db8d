//! Where services and applications are reached.
//!
//! A name is looked up again every few seconds, so that a service which moves is
//! found; while the lookup fails, the addresses from before stand.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use arc_swap::ArcSwap;
use pingora::{
    prelude::*, protocols::l4::socket::SocketAddr as PeerAddr, upstreams::peer::PeerOptions,
};
use service_kit::Kit;
use tokio::time::interval;

use crate::route_table::Service;

const LOOK_UP_EVERY: Duration = Duration::from_secs(5);
const CONNECT: Duration = Duration::from_secs(1);
/// Longest pause of an upstream that is answering.
const READ: Duration = Duration::from_secs(30);
const WRITE: Duration = Duration::from_secs(30);
/// An idle connection is kept for less long than servers usually keep theirs.
const IDLE: Duration = Duration::from_secs(30);

/// One upstream with all its addresses.
pub struct Upstream {
    pub name: Arc<str>,
    host_and_port: String,
    addresses: ArcSwap<Vec<SocketAddr>>,
    turn: AtomicUsize,
}

impl Upstream {
    fn new(name: &str, host_and_port: &str) -> Arc<Self> {
        Arc::new(Self {
            name: name.into(),
            host_and_port: host_and_port.to_owned(),
            addresses: ArcSwap::default(),
            turn: AtomicUsize::new(0),
        })
    }

    /// The next address in turn.
    pub fn peer(&self) -> Result<Box<HttpPeer>> {
        let addresses = self.addresses.load();
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        let Some(address) = addresses.get(turn.checked_rem(addresses.len()).unwrap_or(0)) else {
            return Error::e_explain(
                ErrorType::ConnectNoRoute,
                "the upstream's name has no address",
            );
        };
        let mut peer = HttpPeer::new(PeerAddr::Inet(*address), false, String::new());
        peer.options = PeerOptions::new();
        peer.options.connection_timeout = Some(CONNECT);
        peer.options.total_connection_timeout = Some(CONNECT);
        peer.options.read_timeout = Some(READ);
        peer.options.write_timeout = Some(WRITE);
        peer.options.idle_timeout = Some(IDLE);
        Ok(Box::new(peer))
    }

    async fn look_up(&self) {
        match tokio::net::lookup_host(&self.host_and_port).await {
            Ok(found) => self.addresses.store(Arc::new(found.collect())),
            Err(error) => {
                tracing::warn!(upstream = &*self.name, %error, "the upstream's name could not be looked up");
            }
        }
    }
}

/// All upstreams by name.
pub struct Upstreams {
    identity: Arc<Upstream>,
    session: Arc<Upstream>,
    mfa: Arc<Upstream>,
    app: BTreeMap<String, Arc<Upstream>>,
}

impl Upstreams {
    /// `identity`, `session`, `mfa` and the values of `app` are `host:port`.
    #[must_use]
    pub fn new(identity: &str, session: &str, mfa: &str, app: &BTreeMap<String, String>) -> Self {
        Self {
            identity: Upstream::new("identity-svc", identity),
            session: Upstream::new("session-svc", session),
            mfa: Upstream::new("mfa-svc", mfa),
            app: app
                .iter()
                .map(|(name, address)| (name.clone(), Upstream::new(name, address)))
                .collect(),
        }
    }

    #[must_use]
    pub fn service(&self, service: Service) -> &Arc<Upstream> {
        match service {
            Service::Identity => &self.identity,
            Service::Session => &self.session,
            Service::Mfa => &self.mfa,
        }
    }

    #[must_use]
    pub fn app(&self, name: &str) -> Option<&Arc<Upstream>> {
        self.app.get(name)
    }

    /// Looks all names up once, then again and again in the background.
    pub async fn start(self: &Arc<Self>, kit: &Kit) {
        self.look_up_all().await;
        let (upstreams, stop) = (Arc::clone(self), kit.shutdown().clone());
        kit.spawn(async move {
            let mut beat = interval(LOOK_UP_EVERY);
            while stop.run_until_cancelled(beat.tick()).await.is_some() {
                upstreams.look_up_all().await;
            }
        });
    }

    async fn look_up_all(&self) {
        for upstream in
            [&self.identity, &self.session, &self.mfa].into_iter().chain(self.app.values())
        {
            upstream.look_up().await;
        }
    }
}
