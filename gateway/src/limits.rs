//! How often a caller may ask (contract 9.6, docs/limits.md).
//!
//! Counted for each rule, address and path. What a service answers is counted over all
//! gateways together: one script in Redis decides. What the gateway answers from its
//! memory, and the application's routes, are counted here, so that they cost no round
//! trip and do not wait for a Redis that is slow. If Redis does not answer, this gateway
//! counts by itself, half as many: a limit is never lifted by an outage, and two gateways
//! together let through one too many each at most.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use auth_types::Timestamp;
use moka::sync::Cache;
use redis::Script;
use service_kit::{Fault, RedisLink, While};
use sha2::{Digest, Sha256};

use crate::{
    app_routes::folded,
    client_addr::canonical_text,
    metrics::{Counted, Metrics},
    route_table::{self, Destination, Edge},
};

/// Callers a gateway counts by itself at most.
const LOCAL_CAPACITY: u64 = 100_000;

/// At most `max` requests, until there has been none for `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    pub max: u32,
    pub window: Duration,
}

const fn rule(max: u32, window_secs: u64) -> Rule {
    Rule { max, window: Duration::from_secs(window_secs) }
}

const DEFAULT: Rule = rule(100, 10);
const PROVING: Rule = rule(3, 10);
const MAILING: Rule = rule(3, 60);
const RECOVERY: Rule = rule(5, 3600);

const RECOVERY_PATH: &str = "/api/admin/reset-password";

/// They take a password, a token or a key as well, but the original does not limit them
/// so.
const PROVING_PATHS: [&str; 4] =
    ["/verify-password", "/reset-password", "/delete-user", "/passkey/verify-authentication"];

/// The rule for a path, and whether it holds even where limits are turned off.
fn rule_of(path: &str) -> (Rule, bool) {
    if path == RECOVERY_PATH {
        return (RECOVERY, true);
    }
    let Some(path) = path.strip_prefix("/api/auth") else { return (DEFAULT, false) };
    let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| path.starts_with(prefix));
    let rule = if PROVING_PATHS.contains(&path)
        || begins(&["/sign-in", "/sign-up", "/change-password", "/change-email", "/two-factor/"])
    {
        PROVING
    } else if begins(&["/request-password-reset", "/send-verification-email", "/forget-password"]) {
        MAILING
    } else {
        DEFAULT
    };
    (rule, false)
}

/// Who counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Counter {
    /// All gateways together.
    Fleet,
    /// Each gateway for itself.
    Gateway,
    /// Nobody: who asks is a proxy of ours, for others.
    Nobody,
}

fn counter_of(destination: &Destination, path: &str) -> Counter {
    match destination {
        Destination::Edge(Edge::Verify | Edge::VerifyBelow) => Counter::Nobody,
        // It has a rule of its own.
        Destination::App(route) if route.rule.limit.is_some() => Counter::Nobody,
        Destination::Service(_) => Counter::Fleet,
        // Another method of such a path is counted with it.
        Destination::Nowhere if route_table::is_ours(path) => Counter::Fleet,
        _ => Counter::Gateway,
    }
}

/// What a caller has left, for the headers that say so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    pub limit: u32,
    pub remaining: u32,
    /// When the count starts anew if nothing more is asked.
    pub resets_in: Duration,
    pub allowed: bool,
}

/// Requests counted since there was last none for a whole window.
#[derive(Debug, Clone, Copy)]
struct Count {
    count: u32,
    last_allowed_millis: i64,
}

impl Count {
    /// Counts a request, or refuses it and leaves the count as it is. The same
    /// steps are in `limits.lua`.
    fn ask(&mut self, rule: Rule, now_millis: i64) -> Allowance {
        let window_millis = i64::try_from(rule.window.as_millis()).unwrap_or(i64::MAX);
        if now_millis - self.last_allowed_millis >= window_millis {
            self.count = 0;
        }
        let allowed = self.count < rule.max;
        if allowed {
            self.count += 1;
            self.last_allowed_millis = now_millis;
        }
        allowance(rule, allowed, self.count, self.last_allowed_millis + window_millis - now_millis)
    }
}

fn allowance(rule: Rule, allowed: bool, count: u32, resets_in_millis: i64) -> Allowance {
    Allowance {
        limit: rule.max,
        remaining: rule.max.saturating_sub(count),
        resets_in: Duration::from_millis(resets_in_millis.max(0).unsigned_abs()),
        allowed,
    }
}

pub struct Limits {
    enabled: bool,
    link: RedisLink,
    script: Script,
    local: Cache<String, Arc<Mutex<Count>>>,
    metrics: Metrics,
}

impl Limits {
    #[must_use]
    pub fn new(enabled: bool, link: RedisLink, metrics: Metrics) -> Self {
        let script = Script::new(include_str!("limits.lua"));
        let local =
            Cache::builder().max_capacity(LOCAL_CAPACITY).time_to_idle(RECOVERY.window).build();
        Self { enabled, link, script, local, metrics }
    }

    /// Counts one request. Nothing comes back where no rule is in force.
    pub async fn ask(
        &self,
        client: IpAddr,
        path: &str,
        destination: &Destination,
        now: Timestamp,
    ) -> Option<Allowance> {
        let path = folded(path);
        let (rule, always) = rule_of(&path);
        let counter = counter_of(destination, &path);
        if counter == Counter::Nobody || (!self.enabled && !always) {
            return None;
        }
        let key = key(&canonical_text(client), bucket_of(&path));
        if counter == Counter::Gateway {
            return Some(self.ask_local(key, rule, now));
        }
        match self.ask_redis(&key, rule).await {
            Ok(allowance) => {
                self.metrics.counted(Counted::Fleet);
                Some(allowance)
            }
            Err(fault) => {
                tracing::debug!(error = %service_kit::fault::Chain(&fault), "counting without Redis");
                self.metrics.counted(Counted::Fallback);
                Some(self.ask_local(key, stricter(rule), now))
            }
        }
    }

    async fn ask_redis(&self, key: &str, rule: Rule) -> Result<Allowance, Fault> {
        let mut connection = self.link.view().follow(key).doing("counting a request")?;
        let (allowed, count, resets_in): (bool, u32, i64) = self
            .script
            .key(key)
            .arg(rule.max)
            .arg(u64::try_from(rule.window.as_millis()).unwrap_or(u64::MAX))
            .invoke_async(&mut connection)
            .await
            .doing("counting a request")?;
        Ok(allowance(rule, allowed, count, resets_in))
    }

    fn ask_local(&self, key: String, rule: Rule, now: Timestamp) -> Allowance {
        let fresh = || Arc::new(Mutex::new(Count { count: 0, last_allowed_millis: 0 }));
        let count = self.local.get_with(key, fresh);
        count.lock().unwrap_or_else(PoisonError::into_inner).ask(rule, now.unix_millis())
    }
}

/// What each gateway allows while they cannot count together.
fn stricter(rule: Rule) -> Rule {
    Rule { max: rule.max.div_ceil(2), ..rule }
}

/// What is counted together: the path, but a token in it does not make it another one.
fn bucket_of(path: &str) -> &str {
    const WITH_TOKEN: &str = "/api/auth/reset-password/";
    if path.starts_with(WITH_TOKEN) { WITH_TOKEN } else { path }
}

/// Of a fixed width, whatever the caller put into the path.
fn key(client: &str, path: &str) -> String {
    let digest: [u8; 32] = Sha256::digest(format!("{client}|{path}")).into();
    format!("rl:1:{}", auth_types::TokenDigest::from(digest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_the_rules_of_the_contract() {
        for (path, expected) in [
            ("/api/auth/sign-in/email", PROVING),
            ("/api/auth/sign-in/social", PROVING),
            ("/api/auth/sign-up/email", PROVING),
            ("/api/auth/change-password", PROVING),
            ("/api/auth/change-email", PROVING),
            ("/api/auth/two-factor/verify-totp", PROVING),
            ("/api/auth/verify-password", PROVING),
            ("/api/auth/reset-password", PROVING),
            ("/api/auth/delete-user", PROVING),
            ("/api/auth/passkey/verify-authentication", PROVING),
            ("/api/auth/reset-password/token", DEFAULT),
            ("/api/auth/request-password-reset", MAILING),
            ("/api/auth/send-verification-email", MAILING),
            ("/api/auth/get-session", DEFAULT),
            ("/api/servers", DEFAULT),
        ] {
            assert_eq!(rule_of(path), (expected, false), "{path}");
        }
        assert_eq!(rule_of(RECOVERY_PATH), (RECOVERY, true));
    }

    #[test]
    fn the_window_slides_with_each_allowed_request_and_not_with_refused_ones() {
        let mut count = Count { count: 0, last_allowed_millis: 0 };
        let start = 1_000_000;
        for request in 0..3 {
            assert!(count.ask(PROVING, start + request * 4000).allowed);
        }
        let refused = count.ask(PROVING, start + 9000);
        assert!(!refused.allowed);
        assert_eq!(refused.resets_in, Duration::from_secs(9));
        assert!(!count.ask(PROVING, start + 17_999).allowed);
        let anew = count.ask(PROVING, start + 18_000);
        assert_eq!((anew.allowed, anew.remaining), (true, 2));
    }

    #[test]
    fn two_gateways_that_count_apart_allow_at_most_one_more_each() {
        for rule in [DEFAULT, PROVING, MAILING, RECOVERY] {
            assert!(stricter(rule).max * 2 <= rule.max + 2, "{rule:?}");
        }
    }

    #[test]
    fn a_spelling_or_a_token_does_not_make_another_bucket() {
        let bucket = |path| bucket_of(&folded(path)).to_owned();
        assert_eq!(bucket("/api/auth/Sign-In/email/"), bucket("/api/auth/sign-in/email"));
        assert_eq!(bucket("/api/auth/sign-in/email;x"), bucket("/api/auth/sign-in/email"));
        assert_eq!(bucket("/api/auth/reset-password/a"), bucket("/api/auth/reset-password/b"));
        assert_ne!(bucket("/api/auth/reset-password"), bucket("/api/auth/reset-password/b"));
    }
}
