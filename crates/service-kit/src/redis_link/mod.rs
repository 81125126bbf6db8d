//! The connections to Redis, together with which Redis they lead to.
//!
//! A connection and where it leads are one value, and a connection never reconnects by
//! itself, so nobody can read from one Redis process while believing to be connected to
//! another. A heartbeat notices when the process is gone, hangs, or is no longer the same
//! primary, and the next connection is another value.
//!
//! There is one Redis ([`one`]), or one that [`sentinels`] name, or a [`cluster`] with a
//! connection to each of its masters. Callers say which key they mean ([`RedisLink::of`])
//! and need not know.
//!
//! The `redis` crate's own clients for Sentinel and Cluster are not used. They change
//! connections and follow redirections by themselves, and do not tell from which process
//! an answer came; a copy of a session can only be judged by that. Nor do they say when
//! *every* master was last heard, or when a *majority* of Sentinels agreed, and by that
//! what is remembered is believed. What is not told about changes needs neither, but would
//! need connections, and an opinion on who the masters are, of its own.

mod cluster;
mod follow;
mod node;
mod one;
mod sentinels;
mod servers;
mod slots;

use std::sync::Arc;

use arc_swap::ArcSwap;
use contract::{revocation::HEARTBEAT, session_copy::Provenance};
use redis::aio::MultiplexedConnection;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};

pub use self::{
    follow::Follow,
    servers::{FORMS, Servers, Unfit},
};
use self::{one::Place, sentinels::Council, slots::Shards};
use crate::{fault::While, kit::Kit};

/// There is no connection to the Redis that has a key at the moment.
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
    /// A heartbeat that was sent at this instant has been answered, by every Redis that
    /// has keys and by who else must agree to that.
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

/// Where keys lead at an instant. Whoever keeps one writes to the Redis that was there
/// then, or nowhere.
pub struct View(Where);

enum Where {
    One(Option<Arc<Connected>>),
    Cluster(Shards),
}

impl View {
    /// The connection to the Redis that has this key.
    pub fn of(&self, key: &str) -> Result<&Arc<Connected>, Away> {
        match &self.0 {
            Where::One(connected) => connected.as_ref(),
            Where::Cluster(shards) => shards.of(key),
        }
        .ok_or(Away)
    }

    /// The same, led on by Redis while the key moves to another one of this view.
    pub fn follow(self: &Arc<Self>, key: &str) -> Result<Follow, Away> {
        Ok(Follow::new(Arc::clone(self), Arc::clone(self.of(key)?)))
    }

    fn at(&self, address: &servers::Address) -> Option<&Arc<Connected>> {
        match &self.0 {
            Where::One(_) => None,
            Where::Cluster(shards) => shards.at(address),
        }
    }

    fn is_whole(&self) -> bool {
        match &self.0 {
            Where::One(connected) => connected.is_some(),
            Where::Cluster(shards) => shards.is_whole(),
        }
    }
}

/// Keeps connections to Redis.
#[derive(Clone)]
pub struct RedisLink(Arc<ArcSwap<View>>);

impl RedisLink {
    /// Connects in the background, for as long as the service runs.
    #[must_use]
    pub fn start(servers: Servers, kit: &mut Kit) -> Self {
        Self::start_with(servers, None, kit)
    }

    /// The same, with somebody told of every change to keys that begin with
    /// `prefix`. They are the connections that read and tell, so that nobody reads
    /// from a Redis of whose changes they are not told.
    #[must_use]
    pub fn start_observed(
        servers: Servers,
        prefix: &'static str,
        observer: Arc<dyn Observer>,
        kit: &mut Kit,
    ) -> Self {
        Self::start_with(servers, Some(Watch { prefix, observer }), kit)
    }

    fn start_with(servers: Servers, watch: Option<Watch>, kit: &mut Kit) -> Self {
        let link = Self(Arc::new(ArcSwap::from_pointee(View(Where::One(None)))));
        let board = Board { view: Arc::clone(&link.0), watch };
        let stop = kit.shutdown().clone();
        kit.spawn(async move {
            let keeping = async {
                match servers {
                    Servers::One(info) => one::keep(Place::Fixed(info), board).await,
                    Servers::Sentinels(sentinels) => {
                        one::keep(Place::Named(Council::new(sentinels)), board).await;
                    }
                    Servers::Cluster(seeds) => cluster::Keeper::new(seeds, board).keep().await,
                }
            };
            stop.run_until_cancelled(keeping).await;
        });
        let probe = link.clone();
        kit.readiness().check("redis", move || {
            let whole = probe.view().is_whole().then_some(()).ok_or(Away).doing("reaching Redis");
            async move { whole }
        });
        link
    }

    /// To be kept by those who write what they have read elsewhere.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.0.load_full()
    }

    /// The connection to the Redis that has this key now.
    pub fn of(&self, key: &str) -> Result<Arc<Connected>, Away> {
        self.0.load().of(key).cloned()
    }
}

/// Where a keeper shows what it has.
struct Board {
    view: Arc<ArcSwap<View>>,
    watch: Option<Watch>,
}

impl Board {
    /// Shows another view. What was read in the old one is in doubt, and so is what was
    /// read elsewhere while nobody told us of changes. The view comes first: whoever
    /// begins to read after the doubt reads in the new one.
    fn show(&self, now: Where) {
        self.view.store(Arc::new(View(now)));
        if let Some(watch) = &self.watch {
            watch.observer.lost();
        }
    }

    fn confirmed(&self, sent_at: Instant) {
        if let Some(watch) = &self.watch {
            watch.observer.confirmed(sent_at);
        }
    }
}

fn heartbeat() -> Interval {
    let mut beat = interval(HEARTBEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    beat
}
