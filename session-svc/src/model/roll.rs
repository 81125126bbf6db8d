//! Which gateways there are, and whose word is still missing.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use contract::revocation::{CEILING, Instance};

/// The gateways that were heard of lately, and the messages they have to confirm.
#[derive(Debug)]
pub struct Roll<D> {
    heard: HashMap<Instance, Instant>,
    open: HashMap<u64, Open<D>>,
}

#[derive(Debug)]
struct Open<D> {
    /// Handed back when the last has confirmed.
    done: D,
    confirmed: HashSet<Instance>,
    /// Who has to; not known before the message has been passed on to all.
    wanted: Option<HashSet<Instance>>,
}

impl<D> Default for Roll<D> {
    fn default() -> Self {
        Self { heard: HashMap::new(), open: HashMap::new() }
    }
}

impl<D> Roll<D> {
    /// A gateway is there.
    pub fn heard(&mut self, gateway: Instance, now: Instant) {
        self.heard.insert(gateway, now);
    }

    /// A message is about to be sent.
    pub fn open(&mut self, number: u64, done: D) {
        self.open.insert(number, Open { done, confirmed: HashSet::new(), wanted: None });
    }

    /// A message has been passed on to everybody who was there. `heard_for` is how long
    /// we have been hearing without a break: a gateway that was silent for [`CEILING`]
    /// believes nothing, so whoever does has been heard if that is long enough. If it
    /// is not, nobody's word is enough.
    pub fn passed_on(&mut self, number: u64, heard_for: Duration, now: Instant) -> Option<D> {
        self.heard.retain(|_, heard_at| now.saturating_duration_since(*heard_at) < CEILING);
        if heard_for < CEILING {
            return None;
        }
        self.open.get_mut(&number)?.wanted = Some(self.heard.keys().copied().collect());
        self.close(number)
    }

    /// A gateway has confirmed a message.
    pub fn confirmed(&mut self, number: u64, gateway: Instance, now: Instant) -> Option<D> {
        self.heard(gateway, now);
        self.open.get_mut(&number)?.confirmed.insert(gateway);
        self.close(number)
    }

    /// Nobody waits for these any more.
    pub fn forget(&mut self, given_up: impl Fn(&D) -> bool) {
        self.open.retain(|_, open| !given_up(&open.done));
    }

    /// How many gateways were heard of within [`CEILING`].
    #[must_use]
    pub fn len(&self, now: Instant) -> usize {
        let recent = |at: &&Instant| now.saturating_duration_since(**at) < CEILING;
        self.heard.values().filter(recent).count()
    }

    fn close(&mut self, number: u64) -> Option<D> {
        let open = self.open.get(&number)?;
        let complete = open.wanted.as_ref().is_some_and(|wanted| wanted.is_subset(&open.confirmed));
        complete.then(|| self.open.remove(&number))?.map(|open| open.done)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const LONG: Duration = Duration::from_mins(1);

    fn gateway(number: u128) -> Instance {
        Uuid::from_u128(number).into()
    }

    /// Two gateways have been heard of at this instant.
    fn two() -> (Roll<&'static str>, Instant) {
        let (mut roll, now) = (Roll::default(), Instant::now());
        roll.heard(gateway(1), now);
        roll.heard(gateway(2), now);
        roll.open(7, "done");
        (roll, now)
    }

    #[test]
    fn it_is_done_when_all_have_confirmed_in_whatever_order() {
        let (mut roll, now) = two();
        assert_eq!(roll.confirmed(7, gateway(2), now), None, "who is wanted is not known yet");
        assert_eq!(roll.passed_on(7, LONG, now), None);
        assert_eq!(roll.confirmed(7, gateway(2), now), None, "twice is not two");
        assert_eq!(roll.confirmed(8, gateway(1), now), None, "another message");
        assert_eq!(roll.confirmed(7, gateway(1), now), Some("done"));
        let (mut roll, now) = two();
        roll.confirmed(7, gateway(1), now);
        roll.confirmed(7, gateway(2), now);
        assert_eq!(roll.passed_on(7, LONG, now), Some("done"));
    }

    #[test]
    fn who_has_been_silent_for_the_ceiling_is_not_waited_for() {
        let (mut roll, then) = two();
        let now = then + CEILING;
        roll.heard(gateway(2), now);
        assert_eq!(roll.len(now), 1);
        assert_eq!(roll.passed_on(7, LONG, now), None);
        assert_eq!(roll.confirmed(7, gateway(2), now), Some("done"));
    }

    #[test]
    fn who_comes_before_the_message_was_passed_on_is_wanted_too() {
        let (mut roll, now) = two();
        roll.confirmed(7, gateway(1), now);
        roll.confirmed(7, gateway(2), now);
        roll.heard(gateway(3), now);
        assert_eq!(roll.passed_on(7, LONG, now), None);
        assert_eq!(roll.confirmed(7, gateway(3), now), Some("done"));
    }

    #[test]
    fn who_has_not_listened_long_enough_knows_too_few() {
        let (mut roll, now) = two();
        roll.confirmed(7, gateway(1), now);
        roll.confirmed(7, gateway(2), now);
        assert_eq!(roll.passed_on(7, CEILING / 2, now), None);
        roll.forget(|done| *done == "done");
        assert_eq!(roll.passed_on(7, LONG, now), None, "nobody waits for it any more");
    }

    #[test]
    fn without_gateways_nobody_is_waited_for() {
        let mut roll = Roll::default();
        roll.open(7, ());
        assert_eq!(roll.passed_on(7, LONG, Instant::now()), Some(()));
    }
}
