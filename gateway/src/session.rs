//! From a cookie to the caller's session.
//!
//! The signature first; then our own memory, while it can be believed
//! (`session_cache`); then the words "this one is dead" that we remember; then the
//! copy in Redis, if it was written under the Redis we are talking to; then
//! session-svc, which reads the truth. The last two are asked by one at a time for each
//! session (`flights`). A store that does not answer is an outage, never a yes and
//! never a no.

use std::{sync::Arc, time::Duration};

use auth_types::{SessionToken, Timestamp, TokenDigest};
use contract::{
    cookies::Cookies,
    session::{LiveSession, RefreshSession, ResolveSession},
    session_copy::{SessionCopy, Verdict, key},
};
use http::HeaderMap;
use moka::sync::Cache;
use service_kit::{
    Bus, Fault, RedisLink, While,
    bus::{BusError, CallError, outage},
    fault::Chain,
};
use tokio::sync::Semaphore;

use crate::{
    endings::{Ending, Endings},
    flights::{Flights, Given},
    metrics::{Lookup, Metrics},
    session_cache::{Cached, SessionCache},
};

/// Dead tokens remembered, and for how long. A token that is dead stays dead, so
/// this can be as long as it likes; it only keeps them from hammering Postgres.
const DEAD_CAPACITY: u64 = 100_000;
const DEAD_FOR: Duration = Duration::from_mins(5);
/// Lookups at session-svc that one gateway makes at once. More are turned away.
const RESOLVING_AT_ONCE: usize = 128;

/// A session that stands, or none.
type Found = Result<Option<Arc<Cached>>, Fault>;

/// A caller whose session stands.
#[derive(Debug, Clone)]
pub struct Principal {
    pub token: SessionToken,
    pub cached: Arc<Cached>,
}

impl Principal {
    #[must_use]
    pub fn live(&self) -> &LiveSession {
        &self.cached.live
    }
}

/// What a request's cookie is worth.
#[derive(Debug, Clone)]
pub enum Standing {
    /// No cookie, or none that we signed.
    Anonymous,
    /// We signed it once, but its session is over.
    Over,
    Live(Principal),
}

pub struct Sessions {
    cookies: Arc<Cookies>,
    link: RedisLink,
    bus: Bus,
    cache: Arc<SessionCache>,
    dead: Cache<TokenDigest, ()>,
    flights: Flights<TokenDigest, Found>,
    endings: Arc<Endings>,
    seats: Semaphore,
    metrics: Metrics,
}

impl Sessions {
    #[must_use]
    pub fn new(
        cookies: Arc<Cookies>,
        cache: Arc<SessionCache>,
        endings: Arc<Endings>,
        link: RedisLink,
        bus: Bus,
        metrics: Metrics,
    ) -> Self {
        let dead = Cache::builder().max_capacity(DEAD_CAPACITY).time_to_live(DEAD_FOR).build();
        let seats = Semaphore::new(RESOLVING_AT_ONCE);
        let flights = Flights::default();
        Self { cookies, link, bus, cache, dead, flights, endings, seats, metrics }
    }

    /// Judges a request's cookie at this instant.
    pub async fn find(&self, headers: &HeaderMap, now: Timestamp) -> Result<Standing, Fault> {
        let Some(token) = self.cookies.session_token(headers) else {
            return Ok(Standing::Anonymous);
        };
        let cached = self.look_up(token.digest()).await?;
        let cached = cached.filter(|cached| stands(&cached.live, now));
        Ok(cached.map_or(Standing::Over, |cached| Standing::Live(Principal { token, cached })))
    }

    /// Extends a session that is due. `None` when it has been revoked meanwhile.
    pub async fn extend(&self, principal: &Principal) -> Result<Option<Principal>, Fault> {
        let digest = principal.token.digest();
        let extended = self.bus.request(&RefreshSession { digest }).await.map_err(fault)?;
        let token = principal.token.clone();
        Ok(extended.map(|live| Principal { token, cached: Cached::new(live) }))
    }

    /// A revocation that was heard of.
    pub fn bury(&self, digests: impl IntoIterator<Item = TokenDigest>) {
        for digest in digests {
            self.dead.insert(digest, ());
            self.cache.invalidate(digest);
            self.endings.end(digest, Ending::Over);
        }
    }

    /// Whether a session stands at this instant, for those who go by it for longer
    /// than a request. Nothing when the stores do not answer.
    pub async fn stands(&self, digest: TokenDigest, now: Timestamp) -> Option<bool> {
        let found = self.look_up(digest).await;
        let stands = found.map(|cached| cached.is_some_and(|cached| stands(&cached.live, now)));
        stands.inspect_err(|fault| tracing::debug!(error = %Chain(fault), "nobody knows")).ok()
    }

    /// The session whose token has this digest, if it stands at this instant.
    pub async fn find_by_digest(
        &self,
        digest: TokenDigest,
        now: Timestamp,
    ) -> Result<Option<Arc<Cached>>, Fault> {
        Ok(self.look_up(digest).await?.filter(|cached| stands(&cached.live, now)))
    }

    /// What a session shows has changed.
    pub fn read_anew(&self, digests: impl IntoIterator<Item = TokenDigest>) {
        for digest in digests {
            self.cache.invalidate(digest);
            self.endings.suspect(digest);
        }
    }

    async fn look_up(&self, digest: TokenDigest) -> Found {
        if let Some(cached) = self.cache.get(digest) {
            self.metrics.looked_up(Lookup::Memory);
            return Ok(Some(cached));
        }
        if self.dead.contains_key(&digest) {
            self.metrics.looked_up(Lookup::KnownDead);
            return Ok(None);
        }
        let read = async || self.read(digest).await;
        match self.flights.take(digest, || self.remembered(digest), read).await {
            Given::Own(found) => found,
            Given::Shared(found) => {
                self.metrics.looked_up(Lookup::Shared);
                found
            }
        }
    }

    fn remembered(&self, digest: TokenDigest) -> Option<Found> {
        match self.cache.get(digest) {
            Some(cached) => Some(Ok(Some(cached))),
            None => self.dead.contains_key(&digest).then_some(Ok(None)),
        }
    }

    async fn read(&self, digest: TokenDigest) -> Found {
        let ticket = self.cache.ticket(digest);
        let cached = self.read_stores(digest).await?.map(Cached::new);
        if let Some(cached) = &cached {
            self.cache.fill(digest, ticket, Arc::clone(cached));
        }
        Ok(cached)
    }

    async fn read_stores(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Fault> {
        match self.read_copy(digest).await {
            Ok(Some(Verdict::Live(live))) => {
                self.metrics.looked_up(Lookup::Redis);
                return Ok(Some(*live));
            }
            Ok(Some(Verdict::Revoked)) => {
                self.metrics.looked_up(Lookup::Redis);
                self.bury([digest]);
                return Ok(None);
            }
            Ok(Some(Verdict::Foreign) | None) => {}
            Err(fault) => tracing::debug!(error = %Chain(&fault), "a copy was not read"),
        }
        self.resolve(digest).await
    }

    async fn read_copy(&self, digest: TokenDigest) -> Result<Option<Verdict>, Fault> {
        let key = key(digest);
        let connected = self.link.of(&key).doing("reading a session's copy")?;
        let copy: Option<String> = redis::cmd("GET")
            .arg(key)
            .query_async(&mut connected.connection.clone())
            .await
            .doing("reading a session's copy")?;
        let Some(copy) = copy else { return Ok(None) };
        let copy: SessionCopy =
            serde_json::from_str(&copy).doing("understanding a session's copy")?;
        Ok(Some(copy.judge(&connected.here)))
    }

    async fn resolve(&self, digest: TokenDigest) -> Result<Option<LiveSession>, Fault> {
        let _seat = self.seats.try_acquire().doing("finding a seat to ask session-svc")?;
        self.metrics.looked_up(Lookup::SessionService);
        let live = self.bus.request(&ResolveSession { digest }).await.map_err(fault)?;
        if live.is_none() {
            self.bury([digest]);
        }
        Ok(live)
    }
}

/// Checked at every use: Redis forgets late, and clocks there may differ.
fn stands(live: &LiveSession, now: Timestamp) -> bool {
    !live.session.is_over(now) && !live.user.is_banned(now)
}

fn fault(error: CallError) -> Fault {
    match error {
        CallError::Broke(error) => outage(error),
        CallError::Refused(_) => outage(BusError::Unavailable("session-svc")),
    }
}
