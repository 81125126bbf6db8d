//! Which sockets are open: how many, and whose.

use std::{
    collections::HashMap,
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use auth_types::UserId;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
    registry::Registry,
};

use super::closing::Closing;
use crate::client_addr::canonical_text;

/// How many there may be, at one gateway.
#[derive(Debug, Clone, Copy)]
pub struct Caps {
    pub all: usize,
    pub per_user: usize,
    /// An IPv6 network of /64 counts as one address.
    pub per_address: usize,
}

/// Why there is no room for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// Somebody has too many.
    TheirOwn,
    /// There are too many of them.
    All,
}

#[derive(Default)]
struct Open {
    all: usize,
    by_user: HashMap<UserId, usize>,
    by_address: HashMap<String, usize>,
}

impl Open {
    fn is_full_for(&self, address: &str, user: Option<&UserId>, caps: Caps) -> Option<Full> {
        if self.all >= caps.all {
            return Some(Full::All);
        }
        let by_user = user.and_then(|user| self.by_user.get(user));
        let by_address = self.by_address.get(address);
        let theirs = by_user.is_some_and(|count| *count >= caps.per_user)
            || by_address.is_some_and(|count| *count >= caps.per_address);
        theirs.then_some(Full::TheirOwn)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClosedLabels {
    reason: Closing,
}

pub struct Sockets {
    caps: Caps,
    open: Mutex<Open>,
    open_now: Gauge,
    opened: Counter,
    closed: Family<ClosedLabels, Counter>,
    refused: Counter,
}

/// One place among the sockets that may be open, until it is dropped.
pub struct Seat {
    sockets: Arc<Sockets>,
    user: Option<UserId>,
    address: String,
}

impl Sockets {
    pub fn new(caps: Caps, registry: &mut Registry) -> Arc<Self> {
        let sockets = Self {
            caps,
            open: Mutex::default(),
            open_now: Gauge::default(),
            opened: Counter::default(),
            closed: Family::default(),
            refused: Counter::default(),
        };
        let (open, opened, closed, refused) = (
            sockets.open_now.clone(),
            sockets.opened.clone(),
            sockets.closed.clone(),
            sockets.refused.clone(),
        );
        registry.register("websockets_open", "WebSockets open now", open);
        registry.register("websockets_opened", "WebSockets opened", opened);
        registry.register("websockets_closed", "WebSockets closed, by reason", closed);
        registry.register("websockets_refused", "WebSockets over a cap, not opened", refused);
        Arc::new(sockets)
    }

    /// A place for one more, if there is room.
    pub fn seat(self: &Arc<Self>, address: IpAddr, user: Option<&UserId>) -> Result<Seat, Full> {
        let (address, user) = (canonical_text(address), user.cloned());
        let mut open = self.open();
        if let Some(full) = open.is_full_for(&address, user.as_ref(), self.caps) {
            self.refused.inc();
            return Err(full);
        }
        open.all += 1;
        *open.by_address.entry(address.clone()).or_default() += 1;
        if let Some(user) = &user {
            *open.by_user.entry(user.clone()).or_default() += 1;
        }
        Ok(Seat { sockets: Arc::clone(self), user, address })
    }

    pub fn opened(&self) {
        self.opened.inc();
        self.open_now.inc();
    }

    pub fn closed(&self, reason: Closing) {
        self.open_now.dec();
        self.closed.get_or_create(&ClosedLabels { reason }).inc();
    }

    /// A panic elsewhere cannot leave the counts half-changed.
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut open = self.sockets.open();
        open.all -= 1;
        one_less(&mut open.by_address, &self.address);
        if let Some(user) = &self.user {
            one_less(&mut open.by_user, user);
        }
    }
}

fn one_less<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: &K) {
    let Some(count) = counts.get_mut(key) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sockets() -> Arc<Sockets> {
        let caps = Caps { all: 4, per_user: 2, per_address: 3 };
        Sockets::new(caps, &mut Registry::default())
    }

    fn address(last: u8) -> IpAddr {
        [203, 0, 113, last].into()
    }

    #[test]
    fn nobody_has_more_than_their_share() {
        let (sockets, ann) = (sockets(), UserId::from("ann".to_owned()));
        let one = sockets.seat(address(1), Some(&ann)).expect("room");
        let _two = sockets.seat(address(2), Some(&ann)).expect("room");
        assert_eq!(sockets.seat(address(3), Some(&ann)).err(), Some(Full::TheirOwn));
        drop(one);
        assert!(sockets.seat(address(3), Some(&ann)).is_ok());
    }

    #[test]
    fn an_address_has_a_share_and_a_network_is_one_address() {
        let sockets = sockets();
        let in_network = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, last]);
        let _seats: Vec<_> =
            (1..=3).map(|last| sockets.seat(in_network(last), None).expect("room")).collect();
        assert_eq!(sockets.seat(in_network(9), None).err(), Some(Full::TheirOwn));
        let _other = sockets.seat(address(1), None).expect("room");
        assert_eq!(sockets.seat(address(2), None).err(), Some(Full::All));
    }

    #[test]
    fn what_is_closed_leaves_nothing_behind() {
        let (sockets, ann) = (sockets(), UserId::from("ann".to_owned()));
        for _ in 0..10 {
            drop(sockets.seat(address(1), Some(&ann)).expect("room"));
        }
        let open = sockets.open();
        assert!(open.all == 0 && open.by_user.is_empty() && open.by_address.is_empty());
    }
}
