//! Leads each mail from the queue to its receipt.
//!
//! A mail leaves the queue when its owner has taken the receipt, and no sooner.
//! Whatever breaks on the way, the queue brings the mail back, and the ledger
//! keeps it from being sent twice.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use async_nats::jetstream::{AckKind, Message, message::Info};
use auth_types::Clock;
use contract::{
    Call,
    mail::{Mail, Outcome, Receipt},
};
use lettre::message::Mailbox;
use service_kit::{
    Bus, BusError, Fault, While, bus::CallError, fault::Chain, reasons::Reasons, request_id,
};
use tokio::{
    sync::Semaphore,
    time::{interval, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::Instrument;

use crate::{
    compose::{NoMessage, compose},
    ledger::Ledger,
    metrics::{Attempt, Metrics},
    model::{letter, record::Turn, retry},
    queue::{ACK_WAIT, DeadLetter, Mails, Queue},
    render::Templates,
    transport::{Transport, Undelivered},
};

/// Mails on their way at once.
const SEATS: usize = 8;
/// Pause before the queue is opened again.
const REOPEN: Duration = Duration::from_secs(1);

/// Everything a mail needs on its way.
pub struct Mailer {
    pub queue: Queue,
    pub ledger: Ledger,
    pub bus: Bus,
    pub templates: Templates,
    pub transport: Transport,
    pub from: Mailbox,
    pub metrics: Metrics,
    pub clock: Arc<dyn Clock>,
}

/// What the queue is told about a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Done,
    /// It comes back after this long.
    Later(Duration),
    /// It must not come back.
    Unfit,
}

impl Mailer {
    /// Sends mails until the service stops; those on their way are `tasks`,
    /// which it waits for.
    pub async fn run(self: Arc<Self>, stop: CancellationToken, tasks: TaskTracker) {
        let mut reasons = Reasons::default();
        while !stop.is_cancelled() {
            let Some(opened) = stop.run_until_cancelled(self.queue.open()).await else { return };
            let fault = match opened {
                Ok(mails) => {
                    tracing::info!("taking mails from the queue");
                    reasons.forget();
                    let taking = stop.run_until_cancelled(self.take(&mails, &tasks)).await;
                    let Some(Err(fault)) = taking else { return };
                    fault
                }
                Err(fault) => fault,
            };
            if reasons.is_news(&Chain(&fault)) {
                tracing::warn!(error = %Chain(&fault), "the queue of mails is away; trying again");
            }
            // Either the service stops meanwhile, or it is time to try again.
            timeout(REOPEN, stop.cancelled()).await.ok();
        }
    }

    /// Ends only when the queue breaks.
    async fn take(self: &Arc<Self>, mails: &Mails, tasks: &TaskTracker) -> Result<(), Fault> {
        let seats = Arc::new(Semaphore::new(SEATS));
        loop {
            let seat = Arc::clone(&seats).acquire_owned().await.doing("waiting for a seat")?;
            let Some(message) = mails.next().await? else { continue };
            let mailer = Arc::clone(self);
            tasks.spawn(async move {
                mailer.deliver(&message).await;
                drop(seat);
            });
        }
    }

    /// One delivery, and the queue's answer to it.
    async fn deliver(&self, message: &Message) {
        let told = async {
            let info = message.info().doing("reading where a message comes from")?;
            self.metrics.waiting(info.pending);
            let answer = match self.decide(message, &info).await {
                Verdict::Done => AckKind::Ack,
                Verdict::Later(delay) => AckKind::Nak(Some(delay)),
                Verdict::Unfit => AckKind::Term,
            };
            message.double_ack_with(answer).await.doing("answering the queue")
        };
        if let Err(fault) = told.await {
            tracing::warn!(error = %Chain(&fault), "the queue was not answered; the mail comes back");
        }
    }

    async fn decide(&self, message: &Message, info: &Info<'_>) -> Verdict {
        let mail = match letter::read(&message.payload) {
            Ok(mail) => mail,
            Err(unfit) => return self.discard(&message.payload, info, &unfit).await,
        };
        let (id, name) = (mail.id, mail.template.name());
        let span = tracing::info_span!("mailer.deliver", mail.id = %id, mail.template = name);
        let seeing = request_id::scope(id.simple().to_string(), self.see_to(&mail, info));
        // On the heap, because the whole conversation with a server is in it.
        keeping(message, Box::pin(seeing.instrument(span))).await
    }

    /// The whole way of a mail. A fault on it means that it has to go again.
    async fn see_to(&self, mail: &Mail, info: &Info<'_>) -> Verdict {
        let attempt = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        let delay = retry::delay(attempt, rand::random());
        self.try_see_to(mail, info.stream_sequence, delay).await.unwrap_or_else(|fault| {
            tracing::warn!(error = %Chain(&fault), delay_secs = delay.as_secs(), "a mail is stuck; trying again");
            Verdict::Later(delay)
        })
    }

    async fn try_see_to(&self, mail: &Mail, copy: u64, delay: Duration) -> Result<Verdict, Fault> {
        let outcome = match self.ledger.begin(mail.id, copy, self.clock.now()).await? {
            Turn::Drop => return Ok(Verdict::Done),
            Turn::Later(wait) => return Ok(Verdict::Later(wait)),
            Turn::Settled(outcome) => outcome,
            Turn::Send => {
                let Some(outcome) = self.attempt(mail, delay).await? else {
                    self.ledger.postpone(mail.id, copy, self.clock.now(), delay).await?;
                    return Ok(Verdict::Later(delay));
                };
                self.ledger.settle(mail.id, outcome).await?;
                outcome
            }
        };
        Ok(self.give_receipt(mail, outcome, delay).await)
    }

    /// Tries to send it. `None`: not this time.
    async fn attempt(&self, mail: &Mail, delay: Duration) -> Result<Option<Outcome>, Fault> {
        let (name, began) = (mail.template.name(), Instant::now());
        let sent = self.send(mail).await;
        let attempt = match &sent {
            Ok(()) => Attempt::Sent,
            Err(Undelivered::ForNow { .. }) => Attempt::Failed,
            Err(Undelivered::Forever { .. }) => Attempt::Dead,
        };
        self.metrics.attempted(name, attempt, began.elapsed());
        match sent {
            Ok(()) => {
                tracing::info!("a mail was sent");
                Ok(Some(Outcome::Sent))
            }
            Err(Undelivered::ForNow { summary }) => {
                tracing::warn!(
                    reason = summary,
                    delay_secs = delay.as_secs(),
                    "a mail was not taken; trying again"
                );
                Ok(None)
            }
            Err(Undelivered::Forever { summary, words }) => {
                tracing::warn!(reason = summary, "a mail cannot be delivered");
                let letter = self.dead_letter(mail, format!("{summary}: {words}"));
                self.queue.bury(&mail.id.to_string(), &letter).await?;
                Ok(Some(Outcome::Dead))
            }
        }
    }

    async fn send(&self, mail: &Mail) -> Result<(), Undelivered> {
        let rendered = self.templates.render(&mail.template).map_err(for_now)?;
        let composed = compose(&self.from, &mail.to, mail.id, rendered, self.clock.now());
        let message = composed.map_err(|problem| match problem {
            NoMessage::Recipient => {
                Undelivered::Forever { summary: problem.to_string(), words: String::new() }
            }
            NoMessage::Message(_) => for_now(problem),
        })?;
        self.transport.deliver(mail.id, &message).await
    }

    /// Only a receipt that was taken, or that its owner does not want, is done.
    async fn give_receipt(&self, mail: &Mail, outcome: Outcome, delay: Duration) -> Verdict {
        let receipt = Receipt { id: mail.id, outcome };
        match self.bus.request_on(&mail.receipt_subject, Receipt::SUBJECT, &receipt).await {
            Ok(()) => Verdict::Done,
            Err(CallError::Refused(refusal)) => {
                tracing::warn!(code = refusal.code(), "a receipt was refused");
                Verdict::Done
            }
            Err(CallError::Broke(error)) => {
                self.metrics.receipt_failed();
                log_receipt(&error, delay);
                Verdict::Later(delay)
            }
        }
    }

    /// What is no mail has no owner to tell. It is kept for somebody to look at.
    async fn discard(&self, payload: &[u8], info: &Info<'_>, unfit: &letter::Unfit) -> Verdict {
        self.metrics.unfit();
        tracing::error!(reason = %unfit, "a message in the queue is no mail that can be sent");
        let letter = DeadLetter {
            id: letter::trace(payload, "id"),
            template: letter::trace(payload, "template"),
            to: letter::trace(payload, "to"),
            reason: unfit.to_string(),
            died_at: self.clock.now(),
        };
        let key = format!("unfit-{}-{}", info.stream_sequence, info.published.unix_timestamp());
        match self.queue.bury(&key, &letter).await {
            Ok(()) => Verdict::Unfit,
            Err(fault) => {
                tracing::warn!(error = %Chain(&fault), "an unfit message could not be kept; trying again");
                Verdict::Later(REOPEN)
            }
        }
    }

    fn dead_letter(&self, mail: &Mail, reason: String) -> DeadLetter {
        DeadLetter {
            id: Some(mail.id.to_string()),
            template: Some(mail.template.name().to_owned()),
            to: Some(mail.to.clone()),
            reason,
            died_at: self.clock.now(),
        }
    }
}

/// A template or a setting is to blame, and may be better after a restart.
fn for_now(error: impl Into<anyhow::Error>) -> Undelivered {
    let error: anyhow::Error = error.into();
    Undelivered::ForNow { summary: error.to_string() }
}

fn log_receipt(error: &BusError, delay: Duration) {
    tracing::warn!(error = %Chain(error), delay_secs = delay.as_secs(), "a receipt was not taken; giving it again");
}

/// Tells the queue, while `work` goes on, that it does.
async fn keeping<T>(message: &Message, mut work: impl Future<Output = T> + Unpin) -> T {
    let mut beat = interval(ACK_WAIT / 3);
    beat.tick().await;
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = beat.tick() => {
                if let Err(error) = message.ack_with(AckKind::Progress).await {
                    tracing::debug!(%error, "could not tell the queue to wait");
                }
            }
        }
    }
}
