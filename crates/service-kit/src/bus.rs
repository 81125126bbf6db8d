//! Requests between services over NATS, typed and with deadlines.
//!
//! A caller says how long it will wait; work that begins later than that is not
//! begun. A reply that does not come is an outage, never a yes.

use std::{
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_nats::{Client, Event, HeaderMap, Message, Subject, Subscriber, connection::State};
use backon::{ConstantBuilder, Retryable};
use contract::{
    Answer, Call, Refusal,
    bus::{DEADLINE_HEADER, REQUEST_ID_HEADER},
};
use futures_util::StreamExt;
use serde::Serialize;
use tokio::{
    sync::{Semaphore, watch},
    time::{Instant, timeout},
};
use tracing::Instrument;

use crate::{
    absence::{self, Absences},
    error::Error,
    fault::{Chain, Fault, While},
    kit::Kit,
    metrics::{BusMetrics, CallOutcome},
    nats_url::NatsUrl,
    reasons::Reasons,
    request_id, trace,
};

/// Who is away when there is no connection.
const NATS: &str = "nats";
/// How long a caller waits unless it says otherwise.
pub const DEADLINE: Duration = Duration::from_secs(3);
/// A server that leaves three of these unanswered is left for another.
const PING: Duration = Duration::from_secs(2);
/// How long a server may take to let us in before the next is tried.
const ADMISSION: Duration = Duration::from_secs(2);
/// Requests of one subject that a process works on at once. More wait in NATS.
const CONCURRENCY: usize = 256;

/// Why no reply came.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    #[error("not connected to NATS")]
    Disconnected,
    #[error("nobody serves {0}")]
    NobodyServes(&'static str),
    #[error("{0} was not answered in time")]
    TimedOut(&'static str),
    #[error("{0} is unavailable")]
    Unavailable(&'static str),
    #[error("{subject} failed: {reason}")]
    Failed { subject: &'static str, reason: String },
}

/// How a request to another service did not succeed.
#[derive(Debug)]
pub enum CallError {
    Refused(Refusal),
    Broke(BusError),
}

impl From<CallError> for Error {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => refusal.into(),
            CallError::Broke(error) => outage(error).into(),
        }
    }
}

/// A connection to NATS that comes back by itself.
#[derive(Clone)]
pub struct Bus {
    client: Client,
    metrics: BusMetrics,
    absences: Arc<Absences>,
    connected_since: watch::Receiver<Option<Instant>>,
}

impl Bus {
    /// Does not wait for a server: they may start later than we do. When ours is gone,
    /// another of the cluster takes its place.
    pub async fn connect(url: &NatsUrl, kit: &mut Kit) -> Result<Self, Fault> {
        let (connected, connected_since) = watch::channel(None);
        let reasons = Mutex::default();
        let client = url
            .options()
            .name(kit.service())
            // Nobody else may listen there (deploy/nats/users.conf).
            .custom_inbox_prefix(format!("_INBOX.{}", kit.service()))
            .retry_on_initial_connect()
            .ping_interval(PING)
            .connection_timeout(ADMISSION)
            .reconnect_delay_callback(|attempts| {
                Duration::from_millis(50 * u64::try_from(attempts.min(20)).unwrap_or(20))
            })
            .event_callback(move |event| {
                note(&connected, &reasons, &event);
                std::future::ready(())
            })
            .connect(url.servers())
            .await
            .doing("connecting to NATS")?;
        let metrics = BusMetrics::register(kit.registry());
        let bus = Self { client, metrics, absences: Arc::default(), connected_since };
        let probe = bus.clone();
        kit.readiness().check("nats", move || {
            let connected = probe.is_connected();
            async move { if connected { Ok(()) } else { outage(BusError::Disconnected).into_err() } }
        });
        Ok(bus)
    }

    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.client.connection_state() == State::Connected
    }

    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Asks another service and waits for its answer, at most [`DEADLINE`].
    pub async fn request<C: Call>(&self, call: &C) -> Result<C::Reply, CallError> {
        self.request_on(C::SUBJECT, C::SUBJECT, call).await
    }

    /// The same on a subject that the message itself named.
    pub async fn request_on<C: Call>(
        &self,
        subject: &str,
        label: &'static str,
        call: &C,
    ) -> Result<C::Reply, CallError> {
        let began = Instant::now();
        // Nobody has heard a request that nobody serves, or that was not sent.
        let again = ConstantBuilder::default().with_delay(absence::PAUSE).without_max_times();
        let answer = (|| self.ask(subject, label, call))
            .retry(again)
            .when(|error| match error {
                CallError::Broke(BusError::NobodyServes(_)) => self.absences.is_short(label),
                CallError::Broke(BusError::Disconnected) => self.absences.is_short(NATS),
                _ => false,
            })
            .await;
        let outcome = match &answer {
            Ok(_) => CallOutcome::Done,
            Err(CallError::Refused(_)) => CallOutcome::Refused,
            Err(CallError::Broke(_)) => CallOutcome::Unavailable,
        };
        self.metrics.requested(label, outcome, began.elapsed());
        answer
    }

    async fn ask<C: Call>(
        &self,
        subject: &str,
        label: &'static str,
        call: &C,
    ) -> Result<C::Reply, CallError> {
        if !self.is_connected() {
            return Err(CallError::Broke(BusError::Disconnected));
        }
        self.absences.over(NATS);
        let failed = |reason: String| CallError::Broke(BusError::Failed { subject: label, reason });
        let payload = serde_json::to_vec(call).map_err(|error| failed(error.to_string()))?;
        let mut headers = HeaderMap::new();
        headers.insert(DEADLINE_HEADER, DEADLINE.as_millis().to_string().as_str());
        if let Some(id) = request_id::current() {
            headers.insert(REQUEST_ID_HEADER, id.as_str());
        }
        trace::name_current(&mut trace::Headers(&mut headers));
        let request = self.client.request_with_headers(subject.to_owned(), headers, payload.into());
        let reply = match timeout(DEADLINE, request).await {
            Err(_) => return Err(CallError::Broke(BusError::TimedOut(label))),
            Ok(Err(error)) if error.kind() == async_nats::RequestErrorKind::NoResponders => {
                return Err(CallError::Broke(BusError::NobodyServes(label)));
            }
            Ok(Err(error)) => return Err(failed(error.to_string())),
            Ok(Ok(reply)) => reply,
        };
        self.absences.over(label);
        match serde_json::from_slice(&reply.payload).map_err(|error| failed(error.to_string()))? {
            Answer::Done(value) => Ok(value),
            Answer::Refused(refusal) => Err(CallError::Refused(refusal)),
            Answer::Unavailable => Err(CallError::Broke(BusError::Unavailable(label))),
        }
    }

    /// How long this connection has been up without a break. Nothing when it is down.
    #[must_use]
    pub fn connected_for(&self) -> Option<Duration> {
        let since = *self.connected_since.borrow();
        since.filter(|_| self.is_connected()).map(|since| since.elapsed())
    }

    /// Tells whoever listens, who may answer on another subject. Nothing is promised.
    pub async fn tell(
        &self,
        subject: impl Into<Subject>,
        reply_to: Option<Subject>,
        message: &impl Serialize,
    ) -> Result<(), Fault> {
        if !self.is_connected() {
            return outage(BusError::Disconnected).into_err();
        }
        let payload = serde_json::to_vec(message).doing("writing a message")?.into();
        match reply_to {
            Some(reply_to) => {
                self.client.publish_with_reply(subject.into(), reply_to, payload).await
            }
            None => self.client.publish(subject.into(), payload).await,
        }
        .doing("sending a message")
    }

    /// Hears what everybody is told.
    pub async fn listen(&self, subject: impl Into<Subject>) -> Result<Subscriber, Fault> {
        self.client.subscribe(subject.into()).await.doing("listening")
    }

    /// Answers requests of one kind, sharing them with the service's other
    /// replicas, until the service stops. Requests that were taken are finished.
    pub fn serve<C, F, Fut>(&self, kit: &Kit, handler: F)
    where
        C: Call + 'static,
        F: Fn(C) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<C::Reply, Error>> + Send,
    {
        let (bus, handler, tasks, closing) =
            (self.clone(), Arc::new(handler), kit.tasks().clone(), kit.closing().clone());
        let queue = kit.service().to_owned();
        kit.spawn(async move {
            let seats = Arc::new(Semaphore::new(CONCURRENCY));
            let mut requests = bus.subscribe::<C>(queue).await;
            let mut leaving = false;
            while let Some(message) = next(&mut requests, &closing, &mut leaving).await {
                let arrived = Instant::now();
                let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { break };
                let (bus, handler) = (bus.clone(), Arc::clone(&handler));
                let closing = closing.clone();
                tasks.spawn(async move {
                    bus.answer(message, arrived, &*handler).await;
                    if closing.is_cancelled() {
                        // The process may end before the answer has left by itself.
                        bus.client.flush().await.ok();
                    }
                    drop(seat);
                });
            }
        });
    }

    /// Subscribing only fails on a subject that cannot be one.
    async fn subscribe<C: Call>(&self, queue: String) -> Subscriber {
        let subscriber = self.client.queue_subscribe(C::SUBJECT, queue).await;
        subscriber.expect("the subjects in the contract are subjects")
    }

    async fn answer<C, F, Fut>(&self, message: Message, arrived: Instant, handler: &F)
    where
        C: Call,
        F: Fn(C) -> Fut,
        Fut: Future<Output = Result<C::Reply, Error>>,
    {
        let Some(reply_to) = message.reply.clone() else { return };
        if arrived.elapsed() >= patience(&message) {
            return;
        }
        let id = header(&message, REQUEST_ID_HEADER).and_then(|id| request_id::accept(&id));
        let id = id.unwrap_or_else(request_id::mint);
        let span = tracing::info_span!("call", subject = C::SUBJECT, request.id = id);
        if let Some(headers) = &message.headers {
            trace::continue_in(&span, &trace::Headers(headers));
        }
        let answer = match serde_json::from_slice::<C>(&message.payload).doing("reading a request")
        {
            Ok(call) => request_id::scope(id, handler(call)).instrument(span).await,
            Err(fault) => Err(fault.into()),
        };
        self.send(C::SUBJECT, reply_to, answer).await;
    }

    async fn send<T: Serialize>(
        &self,
        subject: &'static str,
        reply_to: async_nats::Subject,
        answer: Result<T, Error>,
    ) {
        let (answer, outcome) = match answer {
            Ok(value) => (Answer::Done(value), CallOutcome::Done),
            Err(
                Error::Refused(refusal) | Error::RefusedWith(_, refusal) | Error::Later(refusal, _),
            ) => (Answer::Refused(refusal), CallOutcome::Refused),
            Err(error) => {
                log(subject, &error);
                (Answer::Unavailable, CallOutcome::Unavailable)
            }
        };
        self.metrics.served(subject, outcome);
        let sent = async {
            let payload = serde_json::to_vec(&answer).doing("writing an answer")?;
            self.client.publish(reply_to, payload.into()).await.doing("answering")
        };
        if let Err(fault) = sent.await {
            tracing::warn!(subject, error = %Chain(&fault), "an answer was not sent");
        }
    }
}

/// Keeps in mind since when there has been a connection, and passes on what the server
/// complains of, above all a permission that is missing in `deploy/nats/users.conf`:
/// whoever made the request only sees that nothing comes back.
fn note(connected: &watch::Sender<Option<Instant>>, reasons: &Mutex<Reasons>, event: &Event) {
    let mut reasons = reasons.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        Event::Connected => {
            connected.send_replace(Some(Instant::now()));
            reasons.forget();
        }
        Event::ClientError(error) if reasons.is_news(error) => {
            tracing::warn!(%error, "cannot reach NATS; trying again");
        }
        Event::Disconnected | Event::Closed => drop(connected.send_replace(None)),
        Event::ServerError(error) => tracing::error!(%error, "NATS complains"),
        other => tracing::debug!(event = %other, "NATS"),
    }
}

fn log(subject: &'static str, error: &Error) {
    match error {
        Error::Broke(fault) => tracing::error!(subject, error = %Chain(fault), "a request failed"),
        other => tracing::error!(subject, error = ?other, "a request failed"),
    }
}

/// The next request. Once the service closes ([`Kit::closing`]), it leaves the queue group,
/// so that new requests go to a replica, and is given those that are on their way already.
async fn next(
    requests: &mut async_nats::Subscriber,
    closing: &tokio_util::sync::CancellationToken,
    leaving: &mut bool,
) -> Option<Message> {
    if !*leaving {
        tokio::select! {
            message = requests.next() => return message,
            () = closing.cancelled() => *leaving = true,
        }
        if let Err(error) = requests.drain().await {
            tracing::debug!(%error, "could not unsubscribe");
        }
    }
    requests.next().await
}

fn patience(message: &Message) -> Duration {
    let millis = header(message, DEADLINE_HEADER).and_then(|text| text.parse().ok());
    millis.map_or(DEADLINE, Duration::from_millis)
}

fn header(message: &Message, name: &str) -> Option<String> {
    message.headers.as_ref()?.get(name).map(|value| value.as_str().to_owned())
}

/// A bus error as a fault, for those who answer over HTTP.
#[must_use]
pub fn outage(error: BusError) -> Fault {
    match Err::<(), _>(error).doing("asking another service") {
        Ok(()) => unreachable!("an error is never Ok"),
        Err(fault) => fault,
    }
}

impl Fault {
    /// The fault as the result of something that fails.
    pub fn into_err<T>(self) -> Result<T, Self> {
        Err(self)
    }
}

impl Debug for Bus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Bus")
    }
}
