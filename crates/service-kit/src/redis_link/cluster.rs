//! Redis Cluster: a connection to every master, and who has which key.
//!
//! In every heartbeat each master is asked which slots it takes every master to have.
//! What is shown is what a majority of those masters agrees on, and nothing when there was
//! none twice; so a master that is cut off from the others is not read for long. The
//! heartbeat is confirmed when **all** of them have answered, and agree. A change of
//! masters is known to one of those at least before anybody writes to a new one by the
//! same rule; so whatever was written, by whomever, to a master that is not among ours was
//! written after the last heartbeat that was confirmed, and what is remembered has ended
//! when that is acknowledged.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use futures_util::future::join_all;
use redis::{ConnectionInfo, Value};
use tokio::{
    task::JoinSet,
    time::{Instant, timeout},
};

use super::{
    Board, Connected, Where, heartbeat,
    node::{self, CONNECTION_TIMEOUT, Mode},
    servers::{self, Address},
    slots::SlotMap,
};
use crate::{
    fault::{Chain, Fault, While},
    reasons::Reasons,
};

/// What nodes say who has which slots.
type Said = BTreeMap<Address, SlotMap>;

/// A master to which there is a connection.
struct Master {
    connected: Arc<Connected>,
    /// It has not answered the last heartbeat.
    late: bool,
}

/// Keeps the connections.
pub(super) struct Keeper {
    seeds: Vec<ConnectionInfo>,
    board: Board,
    masters: BTreeMap<Address, Master>,
    connecting: JoinSet<(Address, Result<Connected, Fault>)>,
    /// To whom we are connecting.
    expected: HashSet<Address>,
    /// Who cannot be reached, and what has been said of why.
    reasons: HashMap<Option<Address>, Reasons>,
    agreed: SlotMap,
    /// The last heartbeat has found no agreement.
    is_in_doubt: bool,
}

impl Keeper {
    pub(super) fn new(seeds: Vec<ConnectionInfo>, board: Board) -> Self {
        Self {
            seeds,
            board,
            masters: BTreeMap::new(),
            connecting: JoinSet::new(),
            expected: HashSet::new(),
            reasons: HashMap::new(),
            agreed: SlotMap::default(),
            is_in_doubt: false,
        }
    }

    pub(super) async fn keep(mut self) {
        let mut beat = heartbeat();
        loop {
            beat.tick().await;
            self.welcome();
            let sent_at = Instant::now();
            let said = self.ask_masters().await;
            let agreement = Agreement::of(&said);
            match &agreement {
                Some(agreement) => {
                    self.agreed = agreement.map.clone();
                    self.is_in_doubt = false;
                }
                // As with a connection: once is slow, twice is gone.
                None if self.is_in_doubt => self.agreed = SlotMap::default(),
                None => self.is_in_doubt = true,
            }
            self.show();
            let is_lost = self.agreed.masters().is_empty();
            let named = if is_lost { self.ask_seeds(said).await } else { said };
            self.keep_to(&named);
            if agreement.is_some_and(|agreement| agreement.is_unanimous) {
                self.board.confirmed(sent_at);
            }
        }
    }

    /// Takes in those to whom there is a connection now.
    fn welcome(&mut self) {
        while let Some(Ok((address, connected))) = self.connecting.try_join_next() {
            self.expected.remove(&address);
            match connected {
                Ok(connected) => {
                    let provenance = connected.here.as_str();
                    tracing::info!(redis.provenance = provenance, %address, "connected to Redis");
                    self.reasons.remove(&Some(address.clone()));
                    let connected = Arc::new(connected);
                    self.masters.insert(address, Master { connected, late: false });
                }
                Err(fault) => self.report(Some(address), &fault),
            }
        }
    }

    /// Asks every master who has which slots, and parts from those who are gone or are
    /// not what they were.
    async fn ask_masters(&mut self) -> Said {
        let ask = |(address, master): (&Address, &Master)| {
            let (address, connected) = (address.clone(), Arc::clone(&master.connected));
            async move {
                let said = ask(&address, &connected).await;
                (address, said)
            }
        };
        let answers = join_all(self.masters.iter().map(ask)).await;
        let mut said = Said::new();
        for (address, answer) in answers {
            let Some(master) = self.masters.get_mut(&address) else { continue };
            match answer {
                Ok(map) => {
                    master.late = false;
                    said.insert(address, map);
                }
                Err(fault) if !master.late && node::is_timeout(&fault) => master.late = true,
                Err(fault) => {
                    tracing::warn!(error = %Chain(&fault), %address, "lost Redis");
                    self.masters.remove(&address);
                }
            }
        }
        said
    }

    /// Asks the nodes that the URL names as well.
    async fn ask_seeds(&mut self, mut said: Said) -> Said {
        let ask = |seed: &ConnectionInfo| {
            let seed = seed.clone();
            async move {
                let address = seed.addr().to_string().parse().doing("reading an address")?;
                let asked = timeout(CONNECTION_TIMEOUT, ask_seed(&seed, &address)).await;
                asked.doing("asking a node of a Redis Cluster")?.map(|map| (address, map))
            }
        };
        let answers: Vec<Result<_, Fault>> = join_all(self.seeds.iter().map(ask)).await;
        let mut silent = None;
        for answer in answers {
            match answer {
                Ok((address, map)) => drop(said.entry(address).or_insert(map)),
                Err(fault) => silent = Some(fault),
            }
        }
        match silent {
            Some(fault) if said.is_empty() => self.report(None, &fault),
            _ => drop(self.reasons.remove(&None)),
        }
        said
    }

    /// Connects to all whom somebody names, and parts from those whom nobody does.
    fn keep_to(&mut self, said: &Said) {
        let named = said.values().chain([&self.agreed]).flat_map(SlotMap::masters);
        let named: BTreeSet<_> = named.cloned().collect();
        if !said.is_empty() {
            self.masters.retain(|address, _| named.contains(address));
        }
        for address in named {
            if !self.masters.contains_key(&address) && self.expected.insert(address.clone()) {
                let info = servers::at(&self.seeds[0], &address);
                let watch = self.board.watch.clone();
                self.connecting.spawn(async move {
                    let connected = node::connect(&info, Mode::InCluster, watch.as_ref()).await;
                    (address, connected)
                });
            }
        }
    }

    /// Shows what has changed, if anything has.
    fn show(&self) {
        let connected = |address: &Address| {
            self.masters.get(address).map(|master| Arc::clone(&master.connected))
        };
        let now = self.agreed.connect(connected);
        let view = self.board.view.load();
        let is_shown = matches!(&view.0, Where::Cluster(shown) if shown.is(&now));
        if !is_shown {
            self.board.show(Where::Cluster(now));
        }
    }

    fn report(&mut self, whom: Option<Address>, fault: &Fault) {
        if self.reasons.entry(whom).or_default().is_news(&Chain(fault)) {
            tracing::warn!(error = %Chain(fault), "cannot reach Redis; trying again");
        }
    }
}

/// What one master says, if it is still what it was.
async fn ask(address: &Address, connected: &Connected) -> Result<SlotMap, Fault> {
    const DOING: &str = "watching a master of a Redis Cluster";
    let mut question = node::about();
    question.cmd("CLUSTER").arg("SLOTS");
    let mut connection = connected.connection.clone();
    let (server, replication, slots): (String, String, Value) =
        question.query_async(&mut connection).await.doing(DOING)?;
    let here = node::parse_provenance(&(server + &replication), Mode::InCluster).doing(DOING)?;
    if here != connected.here {
        return Err(Fault::because(DOING, "it is another process or no longer the same primary"));
    }
    SlotMap::parse(&slots, address).ok_or("it does not say who has what").doing(DOING)
}

async fn ask_seed(seed: &ConnectionInfo, address: &Address) -> Result<SlotMap, Fault> {
    const DOING: &str = "asking a node of a Redis Cluster";
    let mut connection = node::reach(seed).await.doing(DOING)?;
    let slots: Value =
        redis::cmd("CLUSTER").arg("SLOTS").query_async(&mut connection).await.doing(DOING)?;
    SlotMap::parse(&slots, address).ok_or("it does not say who has what").doing(DOING)
}

/// Each master, as the first node says that answers.
pub(super) async fn primaries(seeds: &[ConnectionInfo]) -> Result<Vec<ConnectionInfo>, Fault> {
    const DOING: &str = "finding the masters of a Redis Cluster";
    let mut silent = Fault::because(DOING, "no node is named");
    for seed in seeds {
        let address = seed.addr().to_string().parse().doing(DOING)?;
        match ask_seed(seed, &address).await {
            Ok(map) if map.is_whole() => {
                return Ok(map.masters().into_iter().map(|at| servers::at(seed, at)).collect());
            }
            Ok(_) => silent = Fault::because(DOING, "some slots have no master"),
            Err(fault) => silent = fault,
        }
    }
    Err(silent)
}

/// What more than half of the masters take the masters to be.
struct Agreement {
    map: SlotMap,
    /// All of them do.
    is_unanimous: bool,
}

impl Agreement {
    fn of(said: &Said) -> Option<Self> {
        let votes = |map: &SlotMap| {
            let masters = map.masters();
            let agree = masters.iter().filter(|address| said.get(address) == Some(map)).count();
            (agree, masters.len())
        };
        let counted = said.values().map(|map| (votes(map), map));
        let ((agree, of), map) = counted.max_by_key(|((agree, _), _)| *agree)?;
        (agree > of / 2).then(|| Self { map: map.clone(), is_unanimous: agree == of })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(name: &str) -> Address {
        Address::new(name, 1)
    }

    /// A map in which each of these has some slots.
    fn map(masters: [&str; 3]) -> SlotMap {
        let range = |(number, master): (usize, &&str)| {
            let first = i64::try_from(number).expect("few") * 100;
            let master = vec![Value::SimpleString((*master).to_owned()), Value::Int(1)];
            Value::Array(vec![Value::Int(first), Value::Int(first + 99), Value::Array(master)])
        };
        let ranges = masters.iter().enumerate().map(range).collect();
        SlotMap::parse(&Value::Array(ranges), &address("asked")).expect("a map")
    }

    fn agreed(said: &[(&str, &SlotMap)]) -> Option<(SlotMap, bool)> {
        let said = said.iter().map(|(who, map)| (address(who), (*map).clone())).collect();
        Agreement::of(&said).map(|agreement| (agreement.map, agreement.is_unanimous))
    }

    #[test]
    fn all_masters_must_agree_before_anything_is_remembered_and_most_before_it_is_read() {
        let map = map(["a", "b", "c"]);
        assert_eq!(agreed(&[]), None);
        assert_eq!(agreed(&[("a", &map)]), None);
        assert_eq!(agreed(&[("a", &map), ("b", &map)]), Some((map.clone(), false)));
        let all = [("a", &map), ("b", &map), ("c", &map)];
        assert_eq!(agreed(&all), Some((map.clone(), true)));
    }

    #[test]
    fn a_master_that_is_cut_off_does_not_decide() {
        let (old, new) = (map(["a", "b", "c"]), map(["d", "b", "c"]));
        assert_eq!(agreed(&[("a", &old), ("b", &new), ("c", &old)]), Some((old.clone(), false)));
        assert_eq!(agreed(&[("a", &old), ("b", &new), ("c", &new)]), Some((new.clone(), false)));
        assert_eq!(agreed(&[("d", &new), ("b", &new), ("c", &new)]), Some((new.clone(), true)));
        let stray = [("a", &old), ("d", &new), ("b", &new), ("c", &new)];
        assert_eq!(agreed(&stray), Some((new, true)));
    }

    #[test]
    fn who_has_no_slots_has_no_say() {
        let map = map(["a", "b", "c"]);
        assert_eq!(agreed(&[("a", &map), ("x", &map), ("y", &map)]), None);
    }
}
