//! The limit that the routes file sets for a route: a token bucket for each caller, in
//! this gateway (the `governor` crate).
//!
//! Buckets are bounded in number. One that is thrown away was little used, or its caller
//! comes with so many others that the least used of them make room.

use std::{sync::Arc, time::Duration};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::StateInformationMiddleware,
    state::{InMemoryState, NotKeyed},
};
use moka::sync::Cache;

use crate::{limits::Allowance, routes_file::LimitRule};

/// Callers counted for each route.
const CAPACITY: u64 = 100_000;

type Bucket = RateLimiter<NotKeyed, InMemoryState, DefaultClock, StateInformationMiddleware>;

#[derive(Debug)]
pub struct RouteLimit {
    rule: LimitRule,
    clock: DefaultClock,
    buckets: Cache<String, Arc<Bucket>>,
}

impl RouteLimit {
    #[must_use]
    pub fn new(rule: LimitRule) -> Self {
        // A bucket that nobody uses for a whole window is full again, as a new one is.
        let buckets = Cache::builder().max_capacity(CAPACITY).time_to_idle(rule.window).build();
        Self { rule, clock: DefaultClock::default(), buckets }
    }

    #[must_use]
    pub fn rule(&self) -> &LimitRule {
        &self.rule
    }

    /// Takes one token of this caller's.
    #[must_use]
    pub fn ask(&self, caller: String) -> Allowance {
        let bucket = self.buckets.get_with(caller, || Arc::new(self.bucket()));
        match bucket.check() {
            Ok(left) => {
                let remaining = left.remaining_burst_capacity();
                self.allowance(true, remaining, self.refill(self.rule.requests.get() - remaining))
            }
            Err(until) => self.allowance(false, 0, until.wait_time_from(self.clock.now())),
        }
    }

    fn bucket(&self) -> Bucket {
        let quota = Quota::with_period(self.refill(1))
            .expect("a window is longer than nothing for each request")
            .allow_burst(self.rule.requests);
        RateLimiter::direct(quota).with_middleware()
    }

    /// How long so many tokens take to come back.
    fn refill(&self, tokens: u32) -> Duration {
        let each = self.rule.window / self.rule.requests.get();
        each.max(Duration::from_nanos(1)) * tokens
    }

    fn allowance(&self, allowed: bool, remaining: u32, resets_in: Duration) -> Allowance {
        Allowance { limit: self.rule.requests.get(), remaining, resets_in, allowed }
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::routes_file::LimitKey;

    fn limit(requests: u32, window: Duration) -> RouteLimit {
        let requests = NonZeroU32::new(requests).expect("some");
        RouteLimit::new(LimitRule { requests, window, by: LimitKey::Address })
    }

    #[test]
    fn a_caller_has_so_many_and_no_more() {
        let limit = limit(3, Duration::from_hours(1));
        for remaining in [2, 1, 0] {
            let allowance = limit.ask("a".into());
            assert!(allowance.allowed);
            assert_eq!((allowance.limit, allowance.remaining), (3, remaining));
        }
        let refused = limit.ask("a".into());
        assert!(!refused.allowed);
        assert!(refused.resets_in > Duration::from_mins(19));
        assert!(refused.resets_in <= Duration::from_mins(20));
        assert!(limit.ask("b".into()).allowed);
    }

    #[test]
    fn the_smallest_window_still_makes_a_bucket() {
        assert!(limit(1_000_000, Duration::from_millis(1)).ask("a".into()).allowed);
    }

    #[test]
    fn of_many_callers_at_once_no_more_get_through() {
        let limit = limit(50, Duration::from_hours(1));
        let allowed: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| scope.spawn(|| (0..100).filter(|_| limit.ask("a".into()).allowed).count()))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("ends")).sum()
        });
        assert_eq!(allowed, 50);
    }
}
