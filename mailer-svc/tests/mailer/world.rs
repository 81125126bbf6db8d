//! A mailer, its queue, and the owner of the mails.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use async_nats::{
    Client, HeaderMap,
    jetstream::{self, consumer::PullConsumer},
};
use contract::{
    Answer, Call,
    mail::{DEAD_STREAM, DEAD_SUBJECT, Mail, Receipt, STREAM, SUBJECT, Template},
};
use futures_util::StreamExt;
use mailer_svc::{
    app,
    config::Config,
    queue::{CONSUMER, DeadLetter},
};
use service_kit::{Env, Kit};
use tokio::time::{interval, timeout};
use uuid::Uuid;

use crate::nats::Nats;

const PATIENCE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(20);

pub(crate) struct World {
    pub(crate) nats: Nats,
    client: Client,
    kit: Kit,
}

impl World {
    /// A mailer that sends to `transport_url`.
    pub(crate) async fn start(transport_url: &str) -> Self {
        let mut world = Self::without_nats(transport_url).await;
        world.nats.start();
        world
    }

    /// The same while there is no NATS yet.
    pub(crate) async fn without_nats(transport_url: &str) -> Self {
        let nats = Nats::reserve();
        let env = Env::of([
            ("NATS_URL".to_owned(), nats.url()),
            ("MAIL_TRANSPORT_URL".to_owned(), transport_url.to_owned()),
            ("MAIL_FROM".to_owned(), "Panel <no-reply@example.com>".to_owned()),
        ]);
        let config = Config::read(&env);
        let config = env.finish(config).expect("a configuration");
        let mut kit = Kit::new("mailer-svc");
        app::start_mailer(config, &mut kit).await.expect("starts");
        Self { client: connect(&nats.url()).await, nats, kit }
    }

    /// A queue and nobody who reads from it.
    pub(crate) async fn without_mailer() -> Self {
        let mut nats = Nats::reserve();
        nats.start();
        Self { client: connect(&nats.url()).await, nats, kit: Kit::new("nobody") }
    }

    /// Hands a mail over as its owner does, as often as it takes.
    pub(crate) async fn hand_over(&self, mail: &Mail) {
        self.publish(serde_json::to_vec(mail).expect("JSON")).await;
    }

    /// Puts anything into the queue. No message id, so JetStream takes each one.
    pub(crate) async fn publish(&self, payload: Vec<u8>) {
        let jetstream = jetstream::new(self.client.clone());
        eventually("the queue takes a message", async || {
            let publishing =
                jetstream.publish_with_headers(SUBJECT, HeaderMap::new(), payload.clone().into());
            publishing.await.ok()?.await.ok()
        })
        .await;
    }

    /// Mails that are still to be dealt with.
    pub(crate) async fn waiting(&self) -> u64 {
        let jetstream = jetstream::new(self.client.clone());
        let mut stream = jetstream.get_stream(STREAM).await.expect("the queue is there");
        stream.info().await.expect("it can be asked").state.messages
    }

    pub(crate) async fn drained(&self) {
        eventually("the queue is empty", async || (self.waiting().await == 0).then_some(())).await;
    }

    /// Until a mail was brought back at least once.
    pub(crate) async fn redelivered(&self) {
        let jetstream = jetstream::new(self.client.clone());
        eventually("a mail is delivered again", async || {
            let stream = jetstream.get_stream(STREAM).await.ok()?;
            let consumer: PullConsumer = stream.get_consumer(CONSUMER).await.ok()?;
            (consumer.cached_info().delivered.consumer_sequence > 1).then_some(())
        })
        .await;
    }

    pub(crate) async fn dead_letter(&self) -> DeadLetter {
        let jetstream = jetstream::new(self.client.clone());
        eventually("a mail is buried", async || {
            let stream = jetstream.get_stream(DEAD_STREAM).await.ok()?;
            let message = stream.get_last_raw_message_by_subject(DEAD_SUBJECT).await.ok()?;
            serde_json::from_slice(&message.payload).ok()
        })
        .await
    }

    pub(crate) async fn dead_letters(&self) -> u64 {
        let jetstream = jetstream::new(self.client.clone());
        let mut stream = jetstream.get_stream(DEAD_STREAM).await.expect("the stream is there");
        stream.info().await.expect("it can be asked").state.messages
    }

    /// The owner of the mails begins to take receipts.
    pub(crate) async fn owner(&self) -> Owner {
        let mut requests = self.client.subscribe(Receipt::SUBJECT).await.expect("subscribes");
        self.client.flush().await.expect("flushes");
        let (owner, client) = (Owner::default(), self.client.clone());
        let receipts = Arc::clone(&owner.0);
        tokio::spawn(async move {
            while let Some(request) = requests.next().await {
                let receipt = serde_json::from_slice(&request.payload).expect("a receipt");
                receipts.lock().expect("not poisoned").push(receipt);
                let answer = serde_json::to_vec(&Answer::Done(())).expect("JSON");
                client
                    .publish(request.reply.expect("a request"), answer.into())
                    .await
                    .expect("answers");
            }
        });
        owner
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.kit.shutdown().cancel();
    }
}

async fn connect(url: &str) -> Client {
    let options = async_nats::ConnectOptions::new().retry_on_initial_connect();
    options.connect(url).await.expect("a URL")
}

#[derive(Default)]
pub(crate) struct Owner(Arc<Mutex<Vec<Receipt>>>);

impl Owner {
    pub(crate) fn receipts(&self) -> Vec<Receipt> {
        self.0.lock().expect("not poisoned").clone()
    }

    pub(crate) async fn receipt(&self) -> Receipt {
        eventually("a receipt comes", async || self.receipts().first().cloned()).await
    }
}

pub(crate) fn mail() -> Mail {
    Mail {
        id: Uuid::now_v7(),
        to: "ann@example.com".to_owned(),
        receipt_subject: Receipt::SUBJECT.to_owned(),
        template: Template::VerifyEmail {
            name: "Ann".to_owned(),
            url: "https://panel.example.com/verify?token=x".to_owned(),
        },
    }
}

/// Looks again and again until there is something.
pub(crate) async fn eventually<T>(what: &str, look: impl AsyncFn() -> Option<T>) -> T {
    let looking = async {
        let mut tick = interval(LOOK_AGAIN);
        loop {
            tick.tick().await;
            if let Some(found) = look().await {
                return found;
            }
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited {PATIENCE:?} until {what}"))
}

pub(crate) fn eml_files(folder: &Path) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| path.extension().is_some_and(|extension| extension == "eml")).collect()
}
