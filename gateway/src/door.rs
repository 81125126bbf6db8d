//! The listening end: how connections are taken, and how they are let go.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use pingora::{
    apps::{HttpServerApp, HttpServerOptions, ReusedHttpStream},
    protocols::http::{ServerSession, v2::server::H2Options},
    proxy::HttpProxy,
    server::ShutdownWatch,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until, timeout},
};

use crate::proxy::Proxy;

/// An HTTP/2 connection on which nothing is asked is closed after this long.
const H2_IDLE: Duration = Duration::from_mins(1);
/// How many requests of one HTTP/2 connection are worked on at once.
const H2_STREAMS: u32 = 128;
/// Bytes of a request's headers at most, unpacked.
const H2_HEADER_BYTES: u32 = 64 * 1024;
/// Requests of one HTTP/2 connection that were taken back and not yet forgotten. A
/// client with more of them is sent away (CVE-2023-44487, CVE-2025-8671).
const H2_RESETS: usize = 32;
/// Once nobody is let in any more, those who have just come in may still ask.
pub const LAST_ORDERS: Duration = Duration::from_secs(1);
/// A client may wait for a minute before it asks; asking may not take much longer.
const ASKING: Duration = Duration::from_secs(75);

tokio::task_local! {
    static ASKED: Arc<Notify>;
}

pub struct Door {
    proxy: Arc<HttpProxy<Proxy>>,
    options: HttpServerOptions,
}

impl Door {
    #[must_use]
    pub fn new(proxy: HttpProxy<Proxy>) -> Self {
        let mut options = HttpServerOptions::default();
        options.h2_idle_timeout = Some(H2_IDLE);
        Self { proxy: Arc::new(proxy), options }
    }
}

/// The request that this task waits for has come in whole.
pub fn asked() {
    // Nobody waits for it in a request that another request makes.
    ASKED.try_with(|asked| asked.notify_one()).ok();
}

#[async_trait]
impl HttpServerApp for Door {
    async fn process_new_http(
        self: &Arc<Self>,
        session: ServerSession,
        shutdown: &ShutdownWatch,
    ) -> Option<ReusedHttpStream> {
        let asked = Arc::new(Notify::new());
        let answering =
            ASKED.scope(Arc::clone(&asked), self.proxy.process_new_http(session, shutdown));
        let mut answering = std::pin::pin!(answering);
        tokio::select! {
            biased;
            answered = &mut answering => return answered,
            in_time = timeout(ASKING, asked.notified()) => in_time.ok()?,
        }
        answering.await
    }

    fn h2_options(&self) -> Option<H2Options> {
        let mut options = H2Options::new();
        options
            .max_concurrent_streams(H2_STREAMS)
            .max_header_list_size(H2_HEADER_BYTES)
            .max_concurrent_reset_streams(H2_RESETS)
            .max_pending_accept_reset_streams(H2_RESETS)
            .max_local_error_reset_streams(Some(H2_RESETS));
        Some(options)
    }

    fn server_options(&self) -> Option<&HttpServerOptions> {
        Some(&self.options)
    }

    /// Called when no more connections are taken.
    async fn http_cleanup(&self) {
        sleep_until(Instant::now() + LAST_ORDERS).await;
        self.proxy.http_cleanup().await;
    }
}
