//! Servers of NATS that are lost: of three, one; of three, two; all; and one with all that
//! it had.

use async_nats::jetstream::{
    self, Context,
    consumer::{self, PullConsumer},
    stream::{ClusterInfo, Info},
};
use e2e::{
    Algorithm, Browser, How, PASSWORD, Passkey, StackDir, Stores, eventually, mail_to, mails_to,
    own_stack, own_stack_with,
};
use serde_json::json;
use stack::{Options, Process, Stack};

use super::crowd::{Crowd, no_promise_is_open};
use crate::{
    doctor::{Doctor, SECRET, stellar},
    newcomer::{PRODUCTION, a_user, signs_up_patiently},
};

const STREAMS: [&str; 3] = ["MAIL", "MAIL_DEAD", "KV_MAIL_SENT"];
const CROWD: usize = 4;

/// What an operator sees of JetStream.
struct Streams(Context);

impl Streams {
    async fn of(stack: &Stack) -> Self {
        Self(jetstream::new(e2e::nats(&stack.urls().nats_url).await))
    }

    async fn info(&self, name: &str) -> Option<Info> {
        self.0.get_stream(name).await.ok().map(|stream| stream.cached_info().clone())
    }

    async fn consumer(&self) -> Option<consumer::Info> {
        let consumer = self.0.get_consumer_from_stream("mailer", "MAIL").await;
        consumer.ok().map(|consumer: PullConsumer| consumer.cached_info().clone())
    }

    /// Waits until all three servers have all of each stream and of the consumer.
    async fn are_whole(&self) {
        for name in STREAMS {
            let whole = || async { is_whole(&self.info(name).await?.cluster?) };
            let whole = eventually(whole).await;
            assert!(whole.is_some(), "{name} is not whole: {:?}", self.info(name).await);
        }
        let whole = || async { is_whole(&self.consumer().await?.cluster?) };
        let whole = eventually(whole).await;
        assert!(whole.is_some(), "the consumer is not whole: {:?}", self.consumer().await);
    }

    /// The server that leads a stream.
    async fn leader(&self, name: &str) -> Process {
        let leader = || async { self.info(name).await?.cluster?.leader };
        named(&eventually(leader).await.unwrap_or_else(|| panic!("{name} has no leader")))
    }

    /// All servers, the one that leads the queue of mails before the others.
    async fn leader_first(&self) -> [Process; 3] {
        let leader = self.leader("MAIL").await;
        let mut servers = Process::NATS;
        servers.sort_by_key(|server| *server != leader);
        servers
    }

    async fn waiting(&self) -> u64 {
        self.info("MAIL").await.map_or(0, |info| info.state.messages)
    }
}

fn is_whole(cluster: &ClusterInfo) -> Option<()> {
    let others = cluster.replicas.iter().filter(|peer| peer.current && !peer.offline).count();
    (cluster.leader.is_some() && others == 2).then_some(())
}

fn named(name: &str) -> Process {
    let is_called = |server: &Process| server.name() == name;
    Process::NATS.into_iter().find(is_called).expect("a server of this stack")
}

async fn three_servers(env: &[(&str, &str)]) -> (Stack, StackDir, Streams) {
    let env = [PRODUCTION, env].concat();
    let (stack, dir) = own_stack_with(&env, Options::with_nats_cluster).await;
    let streams = Streams::of(&stack).await;
    (stack, dir, streams)
}

/// Each in turn, so everybody loses theirs once, and the streams their leaders.
#[tokio::test(flavor = "multi_thread")]
async fn one_server_of_three_is_killed_under_load_and_then_another() {
    let (stack, _dir, streams) = three_servers(&[]).await;
    streams.are_whole().await;
    let crowd = Crowd::gather(&stack, CROWD).await;
    for server in streams.leader_first().await {
        stack.kill(server).await;
        crowd.goes_on().await;
        assert_ne!(streams.leader("MAIL").await, server);
        stack.launch(server).await;
        streams.are_whole().await;
    }
    crowd.disperse(&stack).await;
}

/// They neither answer nor hang up, as after a power cut. NATS 2.9 goes on leading every
/// other request to a server that hangs; 2.12 has given it up after some seconds.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "takes NATS 2.12 as the first nats-server in PATH; run it by name with --run-ignored=all"]
async fn one_server_of_three_hangs_under_load_and_then_another() {
    let (stack, _dir, streams) = three_servers(&[]).await;
    streams.are_whole().await;
    let crowd = Crowd::gather(&stack, CROWD).await;
    for server in streams.leader_first().await {
        stack.pause(server);
        crowd.goes_on().await;
        stack.resume(server);
        streams.are_whole().await;
        crowd.goes_on().await;
    }
    crowd.disperse(&stack).await;
}

/// Requests need one server, mails more than half.
#[tokio::test(flavor = "multi_thread")]
async fn without_a_majority_mails_wait_and_without_any_server_requests_are_told_to_come_again() {
    let (stack, _dir, streams) = three_servers(&[]).await;
    streams.are_whole().await;
    let (mut user, email) = a_user(stack.urls()).await;
    let (mut other, _) = a_user(stack.urls()).await;
    for server in &Process::NATS[1..] {
        stack.kill(*server).await;
    }
    let signs_in = || async {
        let answer = Browser::new(stack.urls()).sign_in(&email, PASSWORD).await;
        assert!(answer.status == 200 || answer.is_clean_outage(), "{answer:?}");
        (answer.status == 200).then_some(())
    };
    eventually(signs_in).await.expect("one server is enough to sign in");
    let waits = signs_up_patiently(stack.urls()).await;
    assert!(user.is_signed_in().await);

    stack.kill(Process::Nats).await;
    let body = json!({ "email": email, "password": PASSWORD });
    let answer = Browser::new(stack.urls()).post("/api/auth/sign-in/email", &body).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    let answer = user.post("/api/auth/update-user", &json!({ "name": "Eve" })).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    assert!(user.is_signed_in().await, "a live session goes on");
    other.clone().post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert!(!other.is_signed_in().await, "what was ended is over");
    assert!(mails_to(&stack.urls().outbox, &waits).is_empty());

    for server in Process::NATS {
        stack.launch(server).await;
    }
    stack.wait_ready().await.expect("ready again");
    mail_to(&stack.urls().outbox, &waits).await;
    eventually(signs_in).await.expect("signing in works again");
    assert!(user.is_signed_in().await);
    no_promise_is_open(stack.urls()).await;
    streams.are_whole().await;
}

/// From one server that keeps the streams to three; and what the doctor says meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn streams_that_one_server_keeps_are_spread_and_the_doctor_counts_servers() {
    let (stack, _dir, streams) =
        three_servers(&[("NATS_REPLICAS", "1"), ("BETTER_AUTH_SECRET", SECRET)]).await;
    let there = || async { streams.info("KV_MAIL_SENT").await.map(drop) };
    let email = signs_up_patiently(stack.urls()).await;
    mail_to(&stack.urls().outbox, &email).await;
    eventually(there).await.expect("the streams are made");
    let doctor = Doctor::of(stack.urls());
    let warnings = || async {
        let (findings, _) = doctor.examine().await;
        let about_nats = findings
            .into_iter()
            .filter(|(subject, verdict, _)| subject == "nats" && verdict == "warning");
        about_nats.map(|(_, _, said)| said).collect::<Vec<_>>()
    };
    let found = warnings().await;
    assert_eq!(
        found.iter().filter(|said| said.contains("1 replica(s) in a cluster")).count(),
        3,
        "{found:?}"
    );

    // The account of the service that owns them may not.
    let mailer = stack.urls().services[&Process::Mailer].nats_url.clone().expect("an account");
    assert!(
        !stellar(&["streams", "--replicas", "3"], &[("NATS_URL", &mailer)]).await.status.success()
    );
    for said in ["now kept by 3: MAIL, MAIL_DEAD, KV_MAIL_SENT", "kept by 3 already"] {
        let nats_url = stack.urls().nats_url.as_str();
        let output = stellar(&["streams", "--replicas", "3"], &[("NATS_URL", nats_url)]).await;
        assert!(output.status.success(), "{output:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), said);
        streams.are_whole().await;
    }
    let found = warnings().await;
    assert!(!found.iter().any(|said| said.contains("stream")), "{found:?}");

    // Those that are left lead what it led: the consumer for one.
    let leads = streams.consumer().await.and_then(|consumer| consumer.cluster?.leader);
    stack.kill(named(&leads.expect("a leader"))).await;
    let counted = || async {
        let found = warnings().await;
        let behind = found.iter().any(|said| said.contains("only 2 of them"));
        let absent = found.iter().any(|said| said.contains("cannot be reached"));
        (behind && absent).then_some(())
    };
    eventually(counted).await.expect("the doctor misses a server");
    mail_to(&stack.urls().outbox, &signs_up_patiently(stack.urls()).await).await;
}

/// NATS acknowledges before what it has is on the disk for good; a power cut takes some
/// of it.
#[tokio::test]
async fn mails_that_nats_had_and_has_forgotten_are_handed_over_again() {
    let (stack, dir) = own_stack(PRODUCTION).await;
    let delivered = signs_up_patiently(stack.urls()).await;
    mail_to(&stack.urls().outbox, &delivered).await;
    no_promise_is_open(stack.urls()).await;
    stack.kill(Process::Mailer).await;
    let emails = [
        signs_up_patiently(stack.urls()).await,
        signs_up_patiently(stack.urls()).await,
        signs_up_patiently(stack.urls()).await,
    ];
    let streams = Streams::of(&stack).await;
    let handed_over = || async { (streams.waiting().await == 3).then_some(()) };
    eventually(handed_over).await.expect("NATS has them");

    stack.kill(Process::Nats).await;
    std::fs::remove_dir_all(dir.path().join("nats/jetstream")).expect("forgets");
    stack.launch(Process::Nats).await;
    stack.launch(Process::Mailer).await;
    stack.wait_ready().await.expect("ready again");
    // Time passes until a receipt is missed.
    let stores = Stores::open(stack.urls()).await;
    let missed = "UPDATE identity.outbox SET due_at = now()";
    sqlx::query(missed).execute(&stores.db).await.expect("time passes");
    for email in &emails {
        mail_to(&stack.urls().outbox, email).await;
    }
    no_promise_is_open(stack.urls()).await;
    for email in emails.iter().chain([&delivered]) {
        assert_eq!(mails_to(&stack.urls().outbox, email).len(), 1, "{email}");
    }
}

/// Whoever keeps events has JetStream keep their subjects; an event is done when it is kept.
#[tokio::test]
async fn an_event_is_kept_by_the_stream_that_asks_for_it() {
    let (stack, _dir) = own_stack(&[]).await;
    let streams = Streams::of(&stack).await;
    let config = jetstream::stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["event.v1.>".to_owned()],
        ..Default::default()
    };
    streams.0.create_stream(config).await.expect("an operator may");
    let how = How::on(&stack.urls().frontend_url);
    let mut user = Browser::new(stack.urls()).sign_up().await;
    let path = "/api/auth/passkey/generate-register-options";
    let options = user.browser.get(path).await.expect(200).json();
    let body = json!({ "response": Passkey::new(Algorithm::Es256).register(&options, &how) });
    user.browser.post("/api/auth/passkey/verify-registration", &body).await.expect(200);
    no_promise_is_open(stack.urls()).await;
    let kept = streams.info("EVENTS").await.expect("it is there").state;
    assert_eq!((kept.messages, kept.last_sequence), (1, 1), "kept once");
}
