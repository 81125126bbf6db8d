//! Three gateways, one Redis, two session-svc, and sessions that are used at all of them
//! while they are revoked.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use e2e::{Opened, Opener, StackDir, TcpProxy, eventually};
use futures_util::{StreamExt, stream};
use reqwest::Client;
use serde_json::{Value, json};
use stack::{Options, Process, Stack};
use tokio::{sync::watch, task::JoinSet, time::Instant};

use crate::redis_servers::lead;

use super::history::{Asked, History, Revoked, Verdict};

/// Revocations at a time.
const AT_ONCE: usize = 16;
/// How often a session is asked about around its revocation, and long after it.
const DENSE: Duration = Duration::from_millis(4);
const SPARSE: Duration = Duration::from_millis(50);
/// How long after the acknowledgement it is asked about: mostly, and every so often
/// beyond the end of any lease.
const SHORT_TAIL: Duration = Duration::from_millis(30);
const LONG_TAIL: Duration = Duration::from_millis(900);
const LONG_TAIL_EVERY: usize = 10;
/// Requests of one session that a gateway may leave without an answer.
const HANGING: usize = 2;
/// Longer than a gateway is stopped.
const PATIENCE: Duration = Duration::from_secs(15);

/// A stack that was here before keeps its passwords; so one of them can be part of a URL
/// that is made before the stack starts.
fn secrets() -> Value {
    let services: serde_json::Map<_, _> =
        Process::ALL.into_iter().map(|service| (service.to_string(), PASSWORD.into())).collect();
    json!({
        "postgres_password": PASSWORD, "redis_password": PASSWORD, "nats_password": PASSWORD,
        "better_auth_secret": "0123456789abcdef0123456789abcdeffedcba9876543210fedcba9876543210",
        "services": services,
    })
}

/// Of everybody at every store.
pub(crate) const PASSWORD: &str = "password";

/// Whose way to Redis leads through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Whose {
    SecondGateway,
    Everybody,
    /// Nobody's: all use another Redis than the stack's.
    Nobody,
}

pub(crate) struct Fleet {
    pub(crate) stack: Stack,
    pub(crate) opener: Opener,
    /// On the way to Redis.
    pub(crate) proxy: TcpProxy,
    client: Client,
    gateways: Vec<String>,
    frontend: String,
    history: Mutex<History>,
    pub(crate) dir: StackDir,
}

impl Fleet {
    pub(crate) async fn start(whose: Whose) -> Arc<Self> {
        Self::start_with(whose, |_| {}).await
    }

    /// On another Redis than the stack's own: its URL for each account.
    pub(crate) async fn start_on(url: impl Fn(&str) -> String) -> Arc<Self> {
        Self::start_with(Whose::Nobody, |options| lead(options, url)).await
    }

    /// On a cluster of NATS.
    pub(crate) async fn start_on_nats_cluster() -> Arc<Self> {
        let cluster = |options: &mut Options| *options = options.clone().with_nats_cluster();
        Self::start_with(Whose::SecondGateway, cluster).await
    }

    async fn start_with(whose: Whose, wishes: impl FnOnce(&mut Options)) -> Arc<Self> {
        let dir = StackDir::new();
        // Where Redis will be is only known once the stack runs.
        let proxy = TcpProxy::to(SocketAddr::from(([127, 0, 0, 1], 1))).await;
        let mut options = Options { quiet: true, ..Options::new(dir.path()) }.with_replicas(3, 2);
        let unused = [Process::Identity, Process::Mfa, Process::Mailer, Process::Panel];
        options.processes.retain(|process| !unused.contains(process));
        std::fs::write(dir.path().join("secrets.json"), secrets().to_string()).expect("written");
        let led: &[Process] = match whose {
            Whose::SecondGateway => &[Process::Gateway2],
            Whose::Everybody => &[
                Process::Gateway,
                Process::Gateway2,
                Process::Gateway3,
                Process::Session,
                Process::Session2,
            ],
            Whose::Nobody => &[],
        };
        wishes(&mut options);
        for process in led {
            let user = process.original();
            let url = format!("redis://{user}:{PASSWORD}@{}", proxy.address());
            options.env_of.push((*process, "REDIS_URL".to_owned(), url));
        }
        options.env.push(("GATEWAY_THREADS".to_owned(), "1".to_owned()));
        options.env.push(("RUST_LOG".to_owned(), "warn".to_owned()));
        let stack = Stack::launch_all(options).await.expect("the stack");
        proxy.lead_to(address_in(&stack.urls().redis_url));
        stack.wait_started().await.expect("the stack is ready");
        let opener = Opener::connect(stack.urls(), dir.path()).await;
        let (gateways, frontend) =
            (stack.urls().gateways.clone(), stack.urls().frontend_url.clone());
        let client = Client::builder().timeout(PATIENCE).build().expect("a client");
        let history = Mutex::default();
        Arc::new(Self { stack, opener, proxy, client, gateways, frontend, history, dir })
    }

    /// Opens so many sessions, each of a user of its own.
    pub(crate) async fn sessions(&self, count: usize) -> Vec<Opened> {
        let open = |_| async { self.opener.open(&Opener::user()).await };
        stream::iter(0..count).map(open).buffer_unordered(32).collect().await
    }

    /// Revokes them all while they are used at all gateways. Sign-outs go to the
    /// gateways in `doors`; nobody waits for the others, which may be stopped.
    pub(crate) async fn revoke(self: &Arc<Self>, sessions: &[Opened], doors: &[usize]) -> History {
        let others = Mutex::new(JoinSet::new());
        stream::iter(sessions.iter().enumerate())
            .for_each_concurrent(AT_ONCE, |(number, session)| {
                let door = doors[number % doors.len()];
                let of = Use { number, session: session.clone(), accepted: Arc::default() };
                self.revoke_one(of, door, doors, &others)
            })
            .await;
        let others = others.into_inner().expect("nobody panicked");
        others.join_all().await;
        std::mem::take(&mut *self.history.lock().expect("nobody panicked"))
    }

    async fn revoke_one(
        self: &Arc<Self>,
        of: Use,
        door: usize,
        doors: &[usize],
        others: &Mutex<JoinSet<()>>,
    ) {
        let (acknowledge, acknowledged) = watch::channel(None);
        let mut waited_for = JoinSet::new();
        for gateway in 0..self.gateways.len() {
            let (fleet, of, acknowledged) = (Arc::clone(self), of.clone(), acknowledged.clone());
            let using = async move { fleet.use_session(&of, gateway, acknowledged).await };
            if doors.contains(&gateway) {
                waited_for.spawn(using);
            } else {
                others.lock().expect("nobody panicked").spawn(using);
            }
        }
        eventually(|| async { of.accepted.load(Ordering::Relaxed).then_some(()) })
            .await
            .expect("it is alive");
        let began = Instant::now();
        // An outage is no acknowledgement; a client asks again.
        let revoked = || async { self.sign_out(&of.session, door).await.then_some(()) };
        eventually(revoked).await.expect("it is revoked");
        let revoked = Revoked { session: of.number, began, acknowledged: Instant::now() };
        self.history.lock().expect("nobody panicked").revoked.push(revoked);
        acknowledge.send_replace(Some(revoked.acknowledged));
        waited_for.join_all().await;
    }

    /// Uses a session for as long as it lives, and a while longer. A request that is
    /// not answered at once does not keep the next one.
    async fn use_session(
        self: &Arc<Self>,
        of: &Use,
        gateway: usize,
        acknowledged: watch::Receiver<Option<Instant>>,
    ) {
        let tail = if of.number.is_multiple_of(LONG_TAIL_EVERY) { LONG_TAIL } else { SHORT_TAIL };
        let mut asking = JoinSet::new();
        let mut since = None;
        while since.is_none_or(|since| since <= tail) {
            let ask = || {
                let (fleet, of) = (Arc::clone(self), of.clone());
                async move { fleet.ask(&of, gateway).await }
            };
            let pace = if since.is_some_and(|since| since > SHORT_TAIL) { SPARSE } else { DENSE };
            if asking.len() < HANGING {
                asking.spawn(ask());
            }
            for_a_while(pace).await;
            while asking.try_join_next().is_some() {}
            let before = since;
            since = acknowledged.borrow().map(|acknowledged| acknowledged.elapsed());
            if before.is_none() && since.is_some() {
                // Of those that began before the acknowledgement none is the last.
                asking.spawn(ask());
            }
        }
        asking.join_all().await;
    }

    async fn ask(&self, of: &Use, gateway: usize) -> Verdict {
        let url = format!("{}/api/auth/get-session", self.gateways[gateway]);
        let began = Instant::now();
        let answer = self.client.get(url).header("cookie", &of.session.cookie).send().await;
        let verdict = match answer {
            Ok(answer) if answer.status() == 200 => match answer.text().await.as_deref() {
                Ok("null") => Verdict::Refused,
                Ok(_) => {
                    of.accepted.store(true, Ordering::Relaxed);
                    Verdict::Accepted
                }
                Err(_) => Verdict::Open,
            },
            _ => Verdict::Open,
        };
        let asked = Asked { gateway, session: of.number, began, ended: Instant::now(), verdict };
        self.history.lock().expect("nobody panicked").asked.push(asked);
        verdict
    }

    /// Whether all gateways accept it.
    pub(crate) async fn is_alive(&self, session: &Opened) -> bool {
        self.accepted_by(session).await == self.gateways.len()
    }

    /// How many gateways accept it.
    pub(crate) async fn accepted_by(&self, session: &Opened) -> usize {
        let mut accepted = 0;
        for gateway in 0..self.gateways.len() {
            accepted += usize::from(self.judge(session, gateway).await == Verdict::Accepted);
        }
        accepted
    }

    /// What one gateway says of it.
    pub(crate) async fn judge(&self, session: &Opened, gateway: usize) -> Verdict {
        let of = Use { number: usize::MAX, session: session.clone(), accepted: Arc::default() };
        self.ask(&of, gateway).await
    }

    /// Waits until so many have been revoked, for as long as that takes.
    pub(crate) async fn has_revoked(&self, count: usize) {
        let mut pace = e2e::tick();
        while self.revoked().len() < count {
            pace.tick().await;
        }
    }

    /// What each gateway says of the session's user.
    pub(crate) async fn roles(&self, session: &Opened) -> Vec<String> {
        let mut roles = Vec::new();
        for gateway in &self.gateways {
            let url = format!("{gateway}/api/auth/get-session");
            let request = self.client.get(url).header("cookie", &session.cookie);
            let answer = request.send().await.expect("an answer").text().await.expect("a body");
            let answer: Value = serde_json::from_str(&answer).expect("JSON");
            roles.push(answer["user"]["role"].as_str().unwrap_or("none").to_owned());
        }
        roles
    }

    /// Which of the sessions have been revoked so far.
    pub(crate) fn revoked(&self) -> Vec<usize> {
        let history = self.history.lock().expect("nobody panicked");
        history.revoked.iter().map(|revoked| revoked.session).collect()
    }

    pub(crate) async fn sign_out(&self, session: &Opened, door: usize) -> bool {
        let url = format!("{}/api/auth/sign-out", self.gateways[door]);
        let request = self.client.post(url).header("cookie", &session.cookie);
        let request = request.header("origin", &self.frontend).json(&json!({}));
        request.send().await.is_ok_and(|answer| answer.status() == 200)
    }
}

pub(crate) fn address_in(url: &str) -> SocketAddr {
    let (_, address) = url.rsplit_once('@').expect("a URL with a password");
    address.parse().expect("an address")
}

/// Runs `fault` again and again beside `work`.
pub(crate) async fn beside<T, F: Future<Output = ()>>(
    work: impl Future<Output = T>,
    fault: impl Fn() -> F,
) -> T {
    let faults = async {
        loop {
            fault().await;
        }
    };
    tokio::select! {
        done = work => done,
        () = faults => unreachable!("it never ends"),
    }
}

/// Not a condition to wait for: the fault lasts so long.
pub(crate) async fn for_a_while(time: Duration) {
    let mut clock = tokio::time::interval_at(Instant::now() + time, time);
    clock.tick().await;
}

#[derive(Clone)]
struct Use {
    number: usize,
    session: Opened,
    /// Somewhere, at least once.
    accepted: Arc<AtomicBool>,
}
