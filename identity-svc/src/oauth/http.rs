//! A request that leaves the house.
//!
//! It follows no redirect, ends within a time, reads so many bytes and no more, and
//! connects to the internet only, unless the operator wrote the address down. That is
//! judged on the addresses that a name resolves to, the very ones that are connected to;
//! so a name that changes its mind in between (DNS rebinding) gains nothing.

use std::{
    error::Error as StdError,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use anyhow::Context as _;
use axum::body::Bytes;
use http::{HeaderValue, Request, Response, header};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use tokio::time::timeout;

use crate::oauth::{
    address::is_public,
    endpoint::{Endpoint, Reach},
};

/// Largest answer, in bytes. A profile has a few thousand.
const ANSWER_MAX_BYTES: usize = 256 * 1024;
/// Idle connections are kept for so long.
const IDLE: Duration = Duration::from_secs(30);
const USER_AGENT: HeaderValue = HeaderValue::from_static("stellar-auth");

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    #[error("the address is not on the internet")]
    PrivateAddress,
    #[error("no answer in time")]
    Timeout,
    #[error("no connection")]
    Connect(#[source] hyper_util::client::legacy::Error),
    #[error("the connection broke")]
    Broken(#[source] Box<dyn StdError + Send + Sync>),
    #[error("the answer is too large")]
    TooLarge,
    #[error("the answer leads elsewhere, with status {0}")]
    Redirect(u16),
    /// The server says that it cannot.
    #[error("the answer has status {0}")]
    Status(u16),
}

type Connection = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// Two clients, so that a connection to a configured address is never used for another.
#[derive(Clone)]
pub(crate) struct Http {
    internet: Connection,
    anywhere: Connection,
    timeout: Duration,
}

impl Http {
    pub(crate) fn new(timeout: Duration) -> anyhow::Result<Self> {
        let client = |reach| -> anyhow::Result<Connection> {
            let mut tcp = HttpConnector::new_with_resolver(Resolver(reach));
            tcp.enforce_http(false);
            tcp.set_connect_timeout(Some(timeout));
            tcp.set_nodelay(true);
            let tls = HttpsConnectorBuilder::new()
                .with_native_roots()
                .context("reading the certificates that this machine trusts")?
                .https_or_http()
                .enable_http1()
                .wrap_connector(tcp);
            let mut builder = Client::builder(TokioExecutor::new());
            builder.pool_idle_timeout(IDLE).pool_max_idle_per_host(4).pool_timer(TokioTimer::new());
            Ok(builder.build(tls))
        };
        Ok(Self { internet: client(Reach::Internet)?, anywhere: client(Reach::Anywhere)?, timeout })
    }

    /// Sends a request to an endpoint, and reads the whole answer. Statuses of 500 and
    /// above, and redirects, are errors.
    pub(crate) async fn send(
        &self,
        endpoint: &Endpoint,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        timeout(self.timeout, self.send_patiently(endpoint, request))
            .await
            .map_err(|_| HttpError::Timeout)?
    }

    async fn send_patiently(
        &self,
        endpoint: &Endpoint,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, HttpError> {
        let client = match endpoint.reach {
            Reach::Anywhere => &self.anywhere,
            Reach::Internet => &self.internet,
        };
        // An address that is written as one is resolved by nobody.
        let literal = endpoint.literal();
        if endpoint.reach == Reach::Internet && literal.is_some_and(|address| !is_public(address)) {
            return Err(HttpError::PrivateAddress);
        }
        let mut request = request.map(|body| Full::new(Bytes::from(body)));
        request.headers_mut().insert(header::USER_AGENT, USER_AGENT);
        let answer = client.request(request).await.map_err(no_answer)?;
        let (parts, body) = answer.into_parts();
        match parts.status {
            status if status.is_redirection() => return Err(HttpError::Redirect(status.as_u16())),
            status if status.is_server_error() => return Err(HttpError::Status(status.as_u16())),
            _ => {}
        }
        let body = Limited::new(body, ANSWER_MAX_BYTES).collect().await.map_err(unread)?;
        Ok(Response::from_parts(parts, body.to_bytes().to_vec()))
    }
}

fn no_answer(error: hyper_util::client::legacy::Error) -> HttpError {
    let mut cause: Option<&(dyn StdError + 'static)> = Some(&error);
    while let Some(error) = cause {
        if error.is::<NotPublic>()
            || error
                .downcast_ref::<io::Error>()
                .and_then(io::Error::get_ref)
                .is_some_and(<dyn StdError + Send + Sync>::is::<NotPublic>)
        {
            return HttpError::PrivateAddress;
        }
        cause = error.source();
    }
    if error.is_connect() { HttpError::Connect(error) } else { HttpError::Broken(error.into()) }
}

fn unread(error: Box<dyn StdError + Send + Sync>) -> HttpError {
    if error.is::<LengthLimitError>() { HttpError::TooLarge } else { HttpError::Broken(error) }
}

/// A name leads into somebody's own network.
#[derive(Debug, thiserror::Error)]
#[error("the name resolves to an address that is not on the internet")]
struct NotPublic;

/// Asks the system's resolver, and judges what it says.
#[derive(Debug, Clone, Copy)]
struct Resolver(Reach);

impl tower::Service<Name> for Resolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, io::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), io::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            judge(reach, &found)?;
            Ok(found.into_iter())
        })
    }
}

/// One private address among public ones is one too many: nobody publishes that by mistake.
fn judge(reach: Reach, found: &[SocketAddr]) -> io::Result<()> {
    let fits = reach == Reach::Anywhere || found.iter().all(|address| is_public(address.ip()));
    if fits { Ok(()) } else { Err(io::Error::other(NotPublic)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{io::AsyncReadExt, net::TcpListener};

    fn http() -> Http {
        rustls::crypto::ring::default_provider().install_default().ok();
        Http::new(Duration::from_secs(5)).expect("a client")
    }

    fn get(endpoint: &Endpoint) -> Request<Vec<u8>> {
        Request::get(endpoint.url.as_str()).body(Vec::new()).expect("a request")
    }

    /// A server that must not be reached.
    async fn bait() -> (TcpListener, u16) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("listens");
        let port = listener.local_addr().expect("bound").port();
        (listener, port)
    }

    #[tokio::test]
    async fn a_name_that_leads_into_our_network_is_not_followed() {
        let (listener, port) = bait().await;
        for host in [
            "localhost",
            "127.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "0.0.0.0",
            "2130706433",
            "0x7f.1",
        ] {
            let url = format!("http://{host}:{port}/latest/meta-data").parse().expect("an address");
            let endpoint = Endpoint { url, reach: Reach::Internet };
            let outcome = http().send(&endpoint, get(&endpoint)).await;
            assert!(matches!(outcome, Err(HttpError::PrivateAddress)), "{host}: {outcome:?}");
        }
        let reached = timeout(Duration::ZERO, listener.accept()).await;
        assert!(reached.is_err(), "a connection was made");
    }

    #[tokio::test]
    async fn what_the_operator_wrote_down_may_be_anywhere() {
        let (listener, port) = bait().await;
        let endpoint: Endpoint = format!("http://localhost:{port}/").parse().expect("an address");
        let client = http();
        let request = get(&endpoint);
        let (outcome, heard) = tokio::join!(client.send(&endpoint, request), async {
            let (mut connection, _) = listener.accept().await.expect("a connection");
            let mut heard = [0; 5];
            connection.read_exact(&mut heard).await.expect("a request");
            heard
        });
        assert_eq!(&heard, b"GET /");
        assert!(matches!(outcome, Err(HttpError::Broken(_))), "{outcome:?}");
    }

    #[test]
    fn one_private_address_among_others_is_enough() {
        let address = |text: &str| SocketAddr::new(text.parse().expect("an address"), 443);
        let mixed = [address("8.8.8.8"), address("10.0.0.1")];
        assert!(judge(Reach::Internet, &mixed).is_err());
        assert!(
            judge(Reach::Internet, &mixed[..1]).is_ok() && judge(Reach::Anywhere, &mixed).is_ok()
        );
    }
}
