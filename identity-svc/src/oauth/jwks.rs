//! The keys of an issuer (RFC 7517), fetched when they are needed and kept for a while.
//!
//! A token whose key is not among them may mean that the issuer has changed its keys: they
//! are fetched again then, but not more often than every few seconds, for anybody can
//! write a token that names a key.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use jsonwebtoken::jwk::JwkSet;
use tokio::sync::Mutex;

use crate::oauth::{
    endpoint::Endpoint,
    line::{Line, ProviderError},
};

/// Keys that were fetched longer ago are fetched anew.
const KEPT: Duration = Duration::from_hours(1);
/// Where that is not possible, they are believed for so long.
const BELIEVED: Duration = Duration::from_hours(6);
/// The time between two attempts.
const PAUSE: Duration = Duration::from_secs(10);

#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    fetched: Option<(Instant, Arc<JwkSet>)>,
    attempted: Option<Instant>,
}

impl Keys {
    /// The keys, as young as need be.
    pub(crate) async fn current(
        &self,
        line: &Line,
        endpoint: &Endpoint,
    ) -> Result<Arc<JwkSet>, ProviderError> {
        self.younger_than(KEPT, line, endpoint).await
    }

    /// The keys, younger than those that a token's was not among, if it is not too soon
    /// to ask.
    pub(crate) async fn renewed(
        &self,
        line: &Line,
        endpoint: &Endpoint,
    ) -> Result<Arc<JwkSet>, ProviderError> {
        self.younger_than(PAUSE, line, endpoint).await
    }

    /// Of many who ask at once, one fetches.
    async fn younger_than(
        &self,
        age: Duration,
        line: &Line,
        endpoint: &Endpoint,
    ) -> Result<Arc<JwkSet>, ProviderError> {
        let mut state = self.0.lock().await;
        if let Some((at, keys)) = &state.fetched
            && (at.elapsed() < age || state.is_too_soon())
            && at.elapsed() < BELIEVED
        {
            return Ok(keys.clone());
        }
        state.attempted = Some(Instant::now());
        let fetched = match line.get(endpoint, None).await {
            Ok(document) => serde_json::from_value::<JwkSet>(document)
                .map_err(|_| ProviderError::Malformed("no key set")),
            Err(error) => Err(error),
        };
        match (fetched, &state.fetched) {
            (Ok(keys), _) => {
                let keys = Arc::new(keys);
                state.fetched = Some((Instant::now(), keys.clone()));
                Ok(keys)
            }
            (Err(_), Some((at, keys))) if at.elapsed() < BELIEVED => Ok(keys.clone()),
            (Err(error), _) => Err(error),
        }
    }
}

impl State {
    fn is_too_soon(&self) -> bool {
        self.attempted.is_some_and(|at| at.elapsed() < PAUSE)
    }
}
