//! Stores that speak nothing but TLS, under a certificate of the operator's own.

use std::path::Path;

use e2e::{StackDir, eventually, own_stack, own_stack_with};
use rcgen::generate_simple_self_signed;
use serde_json::json;
use sqlx::PgPool;
use stack::{Options, Process, Stack, StoreTls};

use crate::{
    doctor::{Doctor, stellar},
    newcomer::{PRODUCTION, a_user},
    redis_servers::{RedisCluster, RedisSentinels, lead},
};

/// A pair for 127.0.0.1, which is its own authority.
fn pair(dir: &Path, name: &str) -> StoreTls {
    let pair = generate_simple_self_signed(["127.0.0.1".to_owned()]).expect("a pair");
    let (certificate, key) = (format!("{name}.crt"), format!("{name}.key"));
    let tls = StoreTls { certificate: dir.join(certificate), key: dir.join(key) };
    std::fs::write(&tls.certificate, pair.cert.pem()).expect("written");
    std::fs::write(&tls.key, pair.signing_key.serialize_pem()).expect("written");
    tls
}

/// With the stack's own Redis, or where these lead.
async fn encrypted(tls: &StoreTls, wishes: impl FnOnce(&mut Options)) -> (Stack, StackDir) {
    let with_tls = |mut options: Options| {
        options.store_tls = Some(tls.clone());
        wishes(&mut options);
        options
    };
    own_stack_with(PRODUCTION, with_tls).await
}

/// Each of the stores has a part in it.
async fn comes_and_goes(stack: &Stack) {
    let (mut browser, _) = a_user(stack.urls()).await;
    let mut other = browser.clone();
    assert!(browser.is_signed_in().await && other.is_signed_in().await);
    browser.post("/api/auth/sign-out", &json!({})).await.expect(200);
    assert!(!other.is_signed_in().await);
}

async fn goes_on_after(stack: &Stack, loss: impl AsyncFnOnce()) {
    comes_and_goes(stack).await;
    loss().await;
    stack.wait_ready().await.expect("ready again");
    comes_and_goes(stack).await;
}

#[tokio::test]
async fn every_service_speaks_tls_with_every_store() {
    let files = tempfile::tempdir().expect("a directory");
    let tls = pair(files.path(), "stores");
    let (stack, _dir) = encrypted(&tls, |_| ()).await;
    comes_and_goes(&stack).await;

    let url = &stack.urls().database_url;
    let db = PgPool::connect(&format!("{url}&sslrootcert={}", tls.certificate.display())).await;
    let connections: Vec<(String, bool)> = sqlx::query_as(
        "SELECT DISTINCT usename, ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
          WHERE client_addr IS NOT NULL ORDER BY usename",
    )
    .fetch_all(&db.expect("Postgres lets us in"))
    .await
    .expect("what connections there are");
    let expected = ["identity", "mfa", "session", "stellar"].map(|user| (user.to_owned(), true));
    assert_eq!(connections, expected);

    // The doctor knows the certificate, or else it is let in nowhere.
    let unbelieving = Doctor::of(stack.urls());
    let file = tls.certificate.to_string_lossy();
    let believing = Doctor::of(stack.urls()).with("SSL_CERT_FILE", file);
    for (doctor, all) in [(unbelieving, 3), (believing, 0)] {
        let complaints = doctor.complaints().await;
        let about = |store: &&str| complaints.iter().any(|(subject, _)| subject == store);
        let unreached = ["postgres", "redis", "nats"].into_iter().filter(about).count();
        assert_eq!(unreached, all, "{complaints:?}");
    }
}

#[tokio::test]
async fn a_cluster_of_redis_that_speaks_tls_loses_a_master() {
    let files = tempfile::tempdir().expect("a directory");
    let tls = pair(files.path(), "stores");
    let cluster = RedisCluster::start_with(Some(tls.clone())).await;
    let to_it = |options: &mut Options| lead(options, |user| cluster.url(user));
    let (stack, _dir) = encrypted(&tls, to_it).await;
    let loss = async || {
        cluster.kill_a_master();
        cluster.has_recovered().await;
    };
    goes_on_after(&stack, loss).await;
}

#[tokio::test]
async fn sentinels_that_speak_tls_lose_their_primary() {
    let files = tempfile::tempdir().expect("a directory");
    let tls = pair(files.path(), "stores");
    let redis = RedisSentinels::start_with(Some(tls.clone())).await;
    let to_it = |options: &mut Options| lead(options, |user| redis.url(user));
    let (stack, _dir) = encrypted(&tls, to_it).await;
    let loss = async || {
        redis.primary.kill();
        redis.have_promoted_the_replica().await;
    };
    goes_on_after(&stack, loss).await;
}

/// Whoever is in between shows another certificate, and is told nothing.
#[tokio::test]
async fn a_store_that_cannot_prove_who_it_is_is_as_if_away() {
    let files = tempfile::tempdir().expect("a directory");
    let (tls, other) = (pair(files.path(), "stores"), pair(files.path(), "other"));
    let dir = StackDir::new();
    let mut options = Options { quiet: true, store_tls: Some(tls), ..Options::new(dir.path()) };
    let believed = other.certificate.to_string_lossy().into_owned();
    options.env.push(("SSL_CERT_FILE".to_owned(), believed));
    let stack = Stack::launch_all(options).await.expect("the stack");
    let redis = "cannot reach Redis; trying again error=failed connecting to Redis: invalid peer";
    let postgres = "error communicating with database: invalid peer certificate";
    // async-nats does not say why; the server does.
    let nats = "TLS handshake error: remote error";
    for (process, reason) in [
        (Process::Gateway, redis),
        (Process::Session, redis),
        (Process::Session, postgres),
        (Process::Identity, postgres),
        (Process::Mailer, "cannot reach NATS; trying again"),
        (Process::Nats, nats),
    ] {
        let refused = || async {
            let log = std::fs::read_to_string(stack.log_file(process)).ok()?;
            log.contains(reason).then_some(())
        };
        eventually(refused).await.unwrap_or_else(|| panic!("{process} does not say why"));
    }
    for process in [Process::Gateway, Process::Identity, Process::Session, Process::Mailer] {
        assert!(!stack.is_ready(process).await, "{process} is ready");
    }
}

/// Where one server is to speak TLS all are, also one that is named after it.
#[tokio::test]
async fn no_server_of_nats_is_told_the_password_in_the_clear() {
    let (stack, _dir) = own_stack(&[]).await;
    let (account, server) = stack.urls().nats_url.rsplit_once('@').expect("an account");
    let somewhere = format!("{account}@127.0.0.1:1,{server}");
    let spreads = async |url: &str| {
        let said = stellar(&["streams", "--replicas", "1"], &[("NATS_URL", url)]).await;
        said.status.success()
    };
    assert!(eventually(|| async { spreads(&somewhere).await.then_some(()) }).await.is_some());
    assert!(!spreads(&somewhere.replace("nats://", "tls://")).await, "in the clear");
}
