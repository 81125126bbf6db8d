//! Which master of a Redis Cluster has which keys.

use std::{collections::BTreeSet, ops::RangeInclusive, sync::Arc};

use crc::{CRC_16_XMODEM, Crc};
use redis::Value;

use super::{Connected, servers::Address};

/// Hash slots of a cluster.
const SLOTS: u16 = 16_384;
static CRC16: Crc<u16> = Crc::<u16>::new(&CRC_16_XMODEM);

/// The slot of a key without a hash tag; ours have none.
fn slot(key: &str) -> u16 {
    CRC16.checksum(key.as_bytes()) % SLOTS
}

/// Who has which slots, in the order of the slots, as one node says it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SlotMap(Vec<(RangeInclusive<u16>, Address)>);

impl SlotMap {
    /// Reads an answer to `CLUSTER SLOTS`: of each range its ends, the master, and
    /// replicas. A node that does not know how it is reached leaves its host out: it is
    /// the host that was asked.
    pub(super) fn parse(answer: &Value, asked: &Address) -> Option<Self> {
        let Value::Array(ranges) = answer else { return None };
        let mut ranges =
            ranges.iter().map(|range| parse_range(range, asked)).collect::<Option<Vec<_>>>()?;
        ranges.sort_unstable_by_key(|(slots, _)| *slots.start());
        let apart = ranges.windows(2).all(|pair| pair[0].0.end() < pair[1].0.start());
        apart.then_some(Self(ranges))
    }

    /// Every slot has a master.
    pub(super) fn is_whole(&self) -> bool {
        self.0.iter().map(|(slots, _)| slots.len()).sum::<usize>() == usize::from(SLOTS)
    }

    pub(super) fn masters(&self) -> BTreeSet<&Address> {
        self.0.iter().map(|(_, address)| address).collect()
    }

    /// The same with a connection for each master to whom there is one.
    pub(super) fn connect(&self, to: impl Fn(&Address) -> Option<Arc<Connected>>) -> Shards {
        let shard = |(slots, address): &(RangeInclusive<u16>, Address)| Shard {
            slots: slots.clone(),
            address: address.clone(),
            connected: to(address),
        };
        Shards(self.0.iter().map(shard).collect())
    }
}

fn parse_range(range: &Value, asked: &Address) -> Option<(RangeInclusive<u16>, Address)> {
    let Value::Array(range) = range else { return None };
    let [Value::Int(first), Value::Int(last), Value::Array(master), ..] = &range[..] else {
        return None;
    };
    let (first, last) = (u16::try_from(*first).ok()?, u16::try_from(*last).ok()?);
    let [host, Value::Int(port), ..] = &master[..] else { return None };
    let host = match host {
        Value::BulkString(host) => std::str::from_utf8(host).ok()?,
        Value::SimpleString(host) => host,
        Value::Nil => "",
        _ => return None,
    };
    let host = if host.is_empty() { &asked.host } else { host };
    let address = Address::new(host, u16::try_from(*port).ok()?);
    (first <= last && last < SLOTS).then_some((first..=last, address))
}

/// Of things in the order of their slots, the one with this slot.
fn find<T>(all: &[T], slots: impl Fn(&T) -> &RangeInclusive<u16>, slot: u16) -> Option<&T> {
    let first = all.partition_point(|one| *slots(one).end() < slot);
    all.get(first).filter(|one| slots(one).contains(&slot))
}

/// Who has which slots, and the connections to them.
#[derive(Default)]
pub(super) struct Shards(Vec<Shard>);

struct Shard {
    slots: RangeInclusive<u16>,
    address: Address,
    connected: Option<Arc<Connected>>,
}

impl Shards {
    pub(super) fn of(&self, key: &str) -> Option<&Arc<Connected>> {
        find(&self.0, |shard| &shard.slots, slot(key))?.connected.as_ref()
    }

    pub(super) fn at(&self, address: &Address) -> Option<&Arc<Connected>> {
        self.0.iter().find(|shard| shard.address == *address)?.connected.as_ref()
    }

    /// Every slot has a master, and every master can be reached.
    pub(super) fn is_whole(&self) -> bool {
        let reached = self.0.iter().filter(|shard| shard.connected.is_some());
        reached.map(|shard| shard.slots.len()).sum::<usize>() == usize::from(SLOTS)
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        let ptr = |shard: &Shard| shard.connected.as_ref().map(Arc::as_ptr);
        self.0.len() == other.0.len()
            && self.0.iter().zip(&other.0).all(|(one, other)| {
                one.slots == other.slots && one.address == other.address && ptr(one) == ptr(other)
            })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn master(host: Value, port: i64) -> Value {
        let id = Value::BulkString(b"0123456789abcdef".to_vec());
        Value::Array(vec![host, Value::Int(port), id, Value::Array(Vec::new())])
    }

    fn text(text: &str) -> Value {
        Value::BulkString(text.as_bytes().to_vec())
    }

    fn range(first: i64, last: i64, port: i64) -> Value {
        let replica = master(text("replica"), 1);
        Value::Array(vec![Value::Int(first), Value::Int(last), master(text("a"), port), replica])
    }

    fn asked() -> Address {
        Address::new("asked", 7000)
    }

    #[test]
    fn the_order_of_an_answer_does_not_matter() {
        let answer = Value::Array(vec![range(5461, 16_383, 2), range(0, 5460, 1)]);
        let map = SlotMap::parse(&answer, &asked()).expect("a map");
        assert_eq!(
            map.0,
            [(0..=5460, Address::new("a", 1)), (5461..=16_383, Address::new("a", 2))]
        );
        let other = Value::Array(vec![range(0, 5460, 1), range(5461, 16_383, 2)]);
        assert_eq!(Some(map), SlotMap::parse(&other, &Address::new("other", 1)));
    }

    #[test]
    fn a_node_that_does_not_know_its_host_is_where_it_was_asked() {
        for host in [Value::Nil, text("")] {
            let own = Value::Array(vec![Value::Int(0), Value::Int(1), master(host, 7001)]);
            let map = SlotMap::parse(&Value::Array(vec![own]), &asked()).expect("a map");
            assert_eq!(map.0, [(0..=1, Address::new("asked", 7001))]);
        }
    }

    #[test]
    fn an_answer_that_makes_no_sense_is_none() {
        for ranges in [
            vec![range(1, 0, 1)],
            vec![range(0, 16_384, 1)],
            vec![range(-1, 0, 1)],
            vec![range(0, 0, 70_000)],
            vec![range(0, 10, 1), range(10, 20, 2)],
            vec![Value::Array(vec![Value::Int(0)])],
            vec![Value::Nil],
        ] {
            assert_eq!(SlotMap::parse(&Value::Array(ranges.clone()), &asked()), None, "{ranges:?}");
        }
        assert_eq!(SlotMap::parse(&Value::Okay, &asked()), None);
    }

    /// From the specification of Redis Cluster.
    #[test]
    fn the_slot_of_a_key_is_that_of_redis() {
        assert_eq!(CRC16.checksum(b"123456789"), 0x31C3);
        assert_eq!(slot("foo"), 12_182);
    }

    proptest! {
        /// However slots are spread, every one is found where it is, and nowhere else.
        #[test]
        fn every_slot_is_found(owners in proptest::collection::vec(0..4_i64, 1..60), gap in 0..60_usize) {
            let width = i64::from(SLOTS) / 60;
            let ranges = owners.iter().enumerate().filter(|(number, _)| *number != gap);
            let ranges: Vec<_> = ranges.map(|(number, port)| {
                let first = i64::try_from(number).expect("few") * width;
                range(first, first + width - 1, *port)
            }).collect();
            let map = SlotMap::parse(&Value::Array(ranges), &asked()).expect("a map");
            for slot in (0..SLOTS).step_by(7) {
                let number = usize::from(slot) / usize::try_from(width).expect("positive");
                let expected = (number != gap).then(|| owners.get(number)).flatten();
                let found = find(&map.0, |(slots, _)| slots, slot);
                prop_assert_eq!(found.map(|(_, address)| i64::from(address.port)), expected.copied());
            }
        }
    }
}
