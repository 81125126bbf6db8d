//! The handshake with the upstream.

use std::{io, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::{body::Incoming, client::conn::http1, upgrade::Upgraded};
use hyper_util::rt::TokioIo;
use pingora::{http::RequestHeader, prelude::*, upstreams::peer::Peer};
use tokio::{net::TcpStream, time::timeout};
use tungstenite::handshake::derive_accept_key;

use super::handshake::{Handshake, VERSION};

/// How long connecting may take, unless the route says otherwise.
const CONNECT: Duration = Duration::from_secs(1);
/// Largest answer of an upstream that does not switch.
const REFUSAL_MAX_BYTES: usize = 64 * 1024;

/// They belong to one connection (RFC 9110, section 7.6.1), or are ours to say.
const NOT_PASSED_ON: [HeaderName; 12] = [
    header::CONNECTION,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::CONTENT_LENGTH,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_PROTOCOL,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// How an upstream answered.
pub enum Opened {
    Switched(HeaderMap, TokioIo<Upgraded>),
    /// With anything but 101.
    Refused(Response<Bytes>),
}

/// Headers that must not be passed on.
#[must_use]
pub fn not_passed_on(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(header::CONNECTION).iter();
    let named = lines.flat_map(|line| line.to_str().unwrap_or_default().split(','));
    let named = named.filter_map(|name| name.trim().parse().ok());
    named.chain(NOT_PASSED_ON).collect()
}

/// Sends the handshake. Nothing of what the client may have sent after it goes along.
pub async fn open(
    connection: TcpStream,
    request: &RequestHeader,
    handshake: &Handshake,
    patience: Duration,
) -> Result<Opened> {
    let request = write(request, handshake).or_err(InternalError, "writing a handshake")?;
    let speaking = http1::handshake(TokioIo::new(connection)).await;
    let (mut sender, connection) = speaking.or_err(ConnectError, "speaking to the upstream")?;
    tokio::spawn(connection.with_upgrades());
    let answer = timeout(patience, sender.send_request(request)).await;
    let answer = answer
        .or_err(ReadTimedout, "waiting for the upstream's handshake")?
        .or_err(ReadError, "reading the upstream's handshake")?;
    if answer.status() != StatusCode::SWITCHING_PROTOCOLS {
        return timeout(patience, refusal(answer))
            .await
            .or_err(ReadTimedout, "reading the upstream's answer")?;
    }
    check(answer.headers(), handshake)?;
    let headers = answer.headers().clone();
    let upgraded = hyper::upgrade::on(answer).await;
    let upgraded = upgraded.or_err(ReadError, "taking over the upstream's connection")?;
    Ok(Opened::Switched(headers, TokioIo::new(upgraded)))
}

fn write(from: &RequestHeader, handshake: &Handshake) -> http::Result<Request<Empty<Bytes>>> {
    let mut request = Request::builder().uri(&handshake.path_and_query).body(Empty::new())?;
    let headers = request.headers_mut();
    headers.clone_from(&from.headers);
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
    headers.insert(header::SEC_WEBSOCKET_KEY, HeaderValue::try_from(&handshake.key)?);
    if !handshake.protocols.is_empty() {
        let protocols = HeaderValue::try_from(handshake.protocols.join(", "))?;
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, protocols);
    }
    Ok(request)
}

pub async fn connect(peer: &HttpPeer) -> Result<TcpStream> {
    let Some(address) = peer.address().as_inet() else {
        return Error::e_explain(ConnectNoRoute, "the upstream has no address");
    };
    let patience = peer.total_connection_timeout().unwrap_or(CONNECT);
    let connected = timeout(patience, TcpStream::connect(address)).await;
    let stream = connected
        .or_err(ConnectTimedout, "connecting to the upstream")?
        .or_err_with(ConnectError, || format!("connecting to {address}"))?;
    stream.set_nodelay(true).or_err(ConnectError, "speaking to the upstream")?;
    Ok(stream)
}

/// Whether a 101 is the answer to this handshake (RFC 6455, section 4.1).
fn check(answer: &HeaderMap, handshake: &Handshake) -> Result<()> {
    let text = |name: &HeaderName| answer.get(name).and_then(|value| value.to_str().ok());
    let accept = derive_accept_key(handshake.key.as_bytes());
    let chosen = text(&header::SEC_WEBSOCKET_PROTOCOL);
    let in_order = text(&header::UPGRADE)
        .is_some_and(|protocol| protocol.eq_ignore_ascii_case("websocket"))
        && text(&header::SEC_WEBSOCKET_ACCEPT) == Some(&accept)
        && !answer.contains_key(header::SEC_WEBSOCKET_EXTENSIONS)
        && chosen.is_none_or(|chosen| handshake.protocols.iter().any(|one| one == chosen));
    if in_order {
        return Ok(());
    }
    let error = io::Error::from(io::ErrorKind::InvalidData);
    Err(error).or_err(InvalidHTTPHeader, "the upstream's handshake does not answer ours")
}

async fn refusal(answer: Response<Incoming>) -> Result<Opened> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, REFUSAL_MAX_BYTES).collect().await;
    let body =
        body.map_err(|error| Error::because(ReadError, "reading the upstream's answer", error))?;
    Ok(Opened::Refused(Response::from_parts(head, body.to_bytes())))
}
