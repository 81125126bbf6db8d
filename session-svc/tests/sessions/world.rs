//! A session-svc without its ports.

use std::{sync::Arc, time::Duration};

use auth_types::{Clock, TokenDigest};
use contract::{
    session::{ClientInfo, CreateSession, Lifetime, Proof, SessionOpened},
    session_copy::key,
    user::UserSnapshot,
};
use service_kit::{Error, Kit};
use session_svc::{app::App, bus, config::Config};
use testkit::{ManualClock, Stores};
use tokio::time::{interval, timeout};

pub(crate) struct World {
    pub(crate) app: App,
    pub(crate) clock: Arc<ManualClock>,
    stores: Stores,
    _kit: Kit,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::on(Stores::start().await, Arc::new(ManualClock::at_present())).await
    }

    /// The service's successor on the same stores.
    pub(crate) async fn start_again(self) -> Self {
        Self::on(self.stores, self.clock).await
    }

    async fn on(stores: Stores, clock: Arc<ManualClock>) -> Self {
        let env = stores.env();
        let config = Config::read(&env);
        let config = env.finish(config).expect("a configuration");
        let mut kit = Kit::new("session-svc");
        let app = App::open(&config, clock.clone(), &mut kit).await.expect("the stores' addresses");
        let ready = async {
            let mut tick = interval(Duration::from_millis(20));
            while !kit.readiness().missing().await.is_empty() {
                tick.tick().await;
            }
        };
        timeout(Duration::from_secs(30), ready).await.expect("the stores are there");
        Self { app, clock, stores, _kit: kit }
    }

    pub(crate) fn user(&self) -> UserSnapshot {
        testkit::user(self.clock.now())
    }

    /// What stands in Redis.
    pub(crate) async fn copy(&self, digest: TokenDigest) -> String {
        let url = self.stores.stack.urls().redis_url.as_str();
        let client = redis::Client::open(url).expect("a URL");
        let mut connection =
            client.get_multiplexed_async_connection().await.expect("Redis listens");
        redis::cmd("GET").arg(key(digest)).query_async(&mut connection).await.expect("a copy")
    }

    /// Revocations that are not known everywhere yet.
    pub(crate) async fn left_to_settle(&self) -> i64 {
        let count = session_svc::store::pending_revocations::count(&self.app.db).await;
        count.expect("Postgres answers")
    }

    pub(crate) async fn open(
        &self,
        user: &UserSnapshot,
        lifetime: Lifetime,
    ) -> Result<SessionOpened, Error> {
        let client = ClientInfo { ip_address: String::new(), user_agent: String::new() };
        let call = CreateSession { user: user.clone(), proof: Proof::Password, lifetime, client };
        bus::create(self.app.clone(), call).await
    }
}
