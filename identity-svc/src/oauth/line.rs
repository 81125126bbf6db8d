//! The line to one provider: measured, bounded, and cut for a while when nobody answers.
//!
//! Only what tells of an outage opens the breaker: no connection, no answer in time, a
//! 5xx. A refused code does not, or whoever sends wrong codes could cut the line for all.

use std::{sync::Arc, time::Duration};

use failsafe::{
    StateMachine, backoff,
    failure_policy::{self, ConsecutiveFailures},
    futures::CircuitBreaker,
};
use http::{HeaderValue, Request, Response, header};
use prometheus_client::metrics::gauge::Gauge;
use serde_json::Value;
use tokio::{sync::Semaphore, time::Instant};

use crate::{
    model::social::{Provider, profile::NoProfile},
    oauth::{
        endpoint::Endpoint,
        http::{Http, HttpError},
        id_token::IdTokenError,
        metrics::OAuthMetrics,
    },
};

/// Failures in a row after which nobody is asked for a while.
const FAILURES: u32 = 5;
/// The while: it grows from the first to the second with each trial that fails.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);
/// Requests to one provider at once.
const AT_ONCE: usize = 32;

/// Why a provider gave us nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    #[error("the provider could not be asked")]
    Http(#[from] HttpError),
    #[error("the provider is not asked for a while")]
    Open,
    #[error("too many are asking the provider")]
    Busy,
    /// It said no: the code or token is not good.
    #[error("the provider refused: {0}")]
    Refused(String),
    #[error("the provider's answer is malformed: {0}")]
    Malformed(&'static str),
    #[error("the id token is refused")]
    IdToken(#[from] IdTokenError),
    #[error(transparent)]
    NoProfile(#[from] NoProfile),
}

type Breaker = StateMachine<ConsecutiveFailures<backoff::EqualJittered>, Light>;

#[derive(Clone)]
pub(crate) struct Line {
    pub(crate) provider: Provider,
    http: Http,
    breaker: Breaker,
    turns: Arc<Semaphore>,
    metrics: OAuthMetrics,
}

impl Line {
    pub(crate) fn new(provider: Provider, http: Http, metrics: OAuthMetrics) -> Self {
        let pauses = backoff::equal_jittered(FIRST_PAUSE, LONGEST_PAUSE);
        let breaker = failsafe::Config::new()
            .failure_policy(failure_policy::consecutive_failures(FAILURES, pauses))
            .instrument(Light { provider, gauge: metrics.breaker(provider) })
            .build();
        let turns = Arc::new(Semaphore::new(AT_ONCE));
        Self { provider, http, breaker, turns, metrics }
    }

    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, ProviderError> {
        let Ok(_turn) = self.turns.try_acquire() else {
            self.metrics.turned_away(self.provider, "busy");
            return Err(ProviderError::Busy);
        };
        let began = Instant::now();
        let asked = self.breaker.call_with(is_outage, self.http.send(endpoint, request)).await;
        match asked {
            Ok(answer) => {
                let outcome = if answer.status().is_success() { "ok" } else { "refused" };
                self.metrics.asked(self.provider, outcome, began.elapsed());
                Ok(answer)
            }
            Err(failsafe::Error::Inner(error)) => {
                self.metrics.asked(self.provider, kind(&error), began.elapsed());
                tracing::warn!(provider = self.provider.name(), error = %service_kit::fault::Chain(&error), "a social provider could not be asked");
                Err(error.into())
            }
            Err(failsafe::Error::Rejected) => {
                self.metrics.turned_away(self.provider, "breaker_open");
                Err(ProviderError::Open)
            }
        }
    }

    /// Asks for JSON, with an access token where there is one.
    pub(crate) async fn get(
        &self,
        endpoint: &Endpoint,
        access_token: Option<&str>,
    ) -> Result<Value, ProviderError> {
        let mut request = Request::get(endpoint.url.as_str())
            .header(header::ACCEPT, "application/json")
            .body(Vec::new())
            .map_err(|_| ProviderError::Malformed("an address"))?;
        if let Some(token) = access_token {
            let bearer = HeaderValue::try_from(format!("Bearer {token}"));
            let mut bearer = bearer.map_err(|_| ProviderError::Malformed("an access token"))?;
            bearer.set_sensitive(true);
            request.headers_mut().insert(header::AUTHORIZATION, bearer);
        }
        let answer = self.send(endpoint, request).await?;
        if !answer.status().is_success() {
            return Err(ProviderError::Refused(answer.status().to_string()));
        }
        serde_json::from_slice(answer.body()).map_err(|_| ProviderError::Malformed("no JSON"))
    }
}

/// Whether an error says that the provider is away.
fn is_outage(error: &HttpError) -> bool {
    match error {
        HttpError::Timeout
        | HttpError::Connect(_)
        | HttpError::Broken(_)
        | HttpError::Status(_) => true,
        HttpError::PrivateAddress | HttpError::TooLarge | HttpError::Redirect(_) => false,
    }
}

fn kind(error: &HttpError) -> &'static str {
    match error {
        HttpError::PrivateAddress => "private_address",
        HttpError::Timeout => "timeout",
        HttpError::Connect(_) => "connect",
        HttpError::Broken(_) => "broken",
        HttpError::TooLarge => "too_large",
        HttpError::Redirect(_) => "redirect",
        HttpError::Status(_) => "server_error",
    }
}

/// Shows the breaker's state.
struct Light {
    provider: Provider,
    gauge: Gauge,
}

impl failsafe::Instrument for Light {
    fn on_call_rejected(&self) {}

    fn on_open(&self) {
        self.gauge.set(2);
        tracing::warn!(
            provider = self.provider.name(),
            "a social provider does not answer and is left alone for a while"
        );
    }

    fn on_half_open(&self) {
        self.gauge.set(1);
    }

    fn on_closed(&self) {
        self.gauge.set(0);
    }
}
