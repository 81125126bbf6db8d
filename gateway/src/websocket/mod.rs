//! A WebSocket: from the handshake to its end.
//!
//! What a handshake meets, in order:
//!
//! 1. [`handshake`]: whether it is one, and the token in it
//! 2. [`admission`]: who it is; then the route's policy, as for any request
//! 3. [`sockets`]: whether there is room
//! 4. [`upstream`]: the same handshake with the upstream, without the token
//! 5. [`takeover`]: pingora gives the connection away
//! 6. [`relay`]: frames go to and fro, as [`frames`] allows
//! 7. [`rights`]: until the session ends, or something else does: [`closing`]

pub mod admission;
pub mod closing;
pub mod frames;
pub mod handshake;
pub mod pulse;
pub mod relay;
pub mod rights;
pub mod sockets;
pub mod takeover;
pub mod upstream;

use std::sync::Arc;

use bytes::Bytes;
use contract::PanelRefusal;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use pingora::{
    http::{RequestHeader, ResponseHeader},
    prelude::*,
    protocols::Stream,
    proxy::{ProxyHttp, Session},
};
use prometheus_client::registry::Registry;
use service_kit::{Fault, Kit};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use self::{
    admission::Caller,
    closing::Closing,
    handshake::{BEARER, Handshake, Malformed, VERSION},
    pulse::Pulse,
    relay::{Relay, Rules},
    sockets::{Caps, Full, Seat, Sockets},
    upstream::Opened,
};
use crate::{
    access_log, answer::Answer, app_routes::AppRoute, ctx::Ctx, failure, proxy::Proxy,
    route_table::Dialect, session_cache::SessionCache, state::Gateway, upstream::Outcome,
};

/// How long an upstream may take to answer, unless its route says otherwise.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(30);

/// What all sockets of a gateway share.
pub struct WebSockets {
    sockets: Arc<Sockets>,
    rules: Rules,
    pulse: Arc<Pulse>,
    /// Cancelled when every socket is to close.
    closing: CancellationToken,
    tasks: TaskTracker,
}

/// A handshake whose caller may open a socket.
pub struct Admitted {
    handshake: Handshake,
    caller: Option<Caller>,
    seat: Seat,
}

impl WebSockets {
    pub fn new(caps: Caps, rules: Rules, registry: &mut Registry) -> Self {
        Self {
            sockets: Sockets::new(caps, registry),
            rules,
            pulse: Arc::default(),
            closing: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }
    }

    /// Looks after the sessions of sockets while nobody tells of their changes.
    pub fn watch(
        &self,
        cache: &Arc<SessionCache>,
        endings: &Arc<crate::endings::Endings>,
        kit: &Kit,
    ) {
        let (cache, endings, pulse, stop) = (
            Arc::clone(cache),
            Arc::clone(endings),
            Arc::clone(&self.pulse),
            kit.shutdown().clone(),
        );
        let mut unleased_beats = 0_u32;
        let at_beat = move |was_stopped: bool| {
            let leased = cache.is_leased(tokio::time::Instant::now());
            unleased_beats = if leased { 0 } else { unleased_beats + 1 };
            // Two changes within half a second are one.
            if was_stopped || unleased_beats % 5 == 1 {
                endings.suspect_all();
            }
            leased
        };
        kit.spawn(async move {
            stop.run_until_cancelled(pulse.beat(at_beat)).await;
        });
    }

    /// Closes all sockets and waits until they are.
    pub async fn close_all(&self) {
        self.closing.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

/// Whether this request would become a WebSocket here.
#[must_use]
pub fn is_handshake(route: &AppRoute, request: &RequestHeader) -> bool {
    route.rule.websocket && handshake::is_asked_for(&request.headers)
}

/// A request for a protocol that is not spoken here is an ordinary one (RFC 9110,
/// section 7.8).
pub fn forget_upgrade(session: &mut Session) {
    if session.is_upgrade_req() {
        session.req_header_mut().remove_header(&header::UPGRADE);
    }
}

/// Judges a handshake, up to the point where the upstream is asked. What comes back is
/// why not; otherwise `ctx` has what was found.
pub async fn admit(
    gateway: &Gateway,
    route: &AppRoute,
    request: &RequestHeader,
    ctx: &mut Ctx,
) -> Result<Option<Answer>, Fault> {
    let handshake = match Handshake::read(request) {
        Ok(handshake) => handshake,
        Err(malformed) => return Ok(Some(malformed_answer(malformed))),
    };
    let caller = match admission::identify(gateway, &handshake, &request.headers, ctx).await? {
        Ok(caller) => caller,
        Err(refusal) => return Ok(Some(Answer::panel_refusal(refusal))),
    };
    if let Err(refusal) = route.rule.policy.judge(ctx.caller(), ctx.now) {
        return Ok(Some(Answer::panel_refusal(refusal)));
    }
    let user = caller.as_ref().map(|caller| &caller.cached.live.user.id);
    let address = ctx.client.unwrap_or(std::net::Ipv4Addr::UNSPECIFIED.into());
    match gateway.websockets.sockets.seat(address, user) {
        Ok(seat) => ctx.websocket = Some(Box::new(Admitted { handshake, caller, seat })),
        Err(Full::TheirOwn) => {
            return Ok(Some(Answer::panel_refusal(PanelRefusal::TooManyRequests)));
        }
        Err(Full::All) => return Ok(Some(Answer::unavailable(Dialect::Panel))),
    }
    Ok(None)
}

fn malformed_answer(malformed: Malformed) -> Answer {
    match malformed {
        Malformed::Handshake => Answer::panel_refusal(PanelRefusal::BadRequest),
        Malformed::Version => Answer::empty(StatusCode::UPGRADE_REQUIRED)
            .with(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION))
            .with(header::UPGRADE, HeaderValue::from_static("websocket")),
    }
}

/// Opens the socket at the upstream, then here, and leaves it to a task of its own.
pub async fn serve(
    proxy: &Proxy,
    session: &mut Session,
    admitted: Admitted,
    ctx: &mut Ctx,
) -> Result<()> {
    match open(proxy, session, &admitted.handshake, ctx).await? {
        Opened::Refused(answer) => pass_on(proxy, session, answer, ctx).await,
        Opened::Switched(headers, upstream) => {
            let head = switching(&headers, &admitted.handshake)?;
            write_head(proxy, session, head, ctx).await?;
            access_log::write(&proxy.0, session, ctx);
            ctx.handed_over = true;
            let Some((client, early)) = takeover::take_over(session) else {
                return Ok(());
            };
            let relay = Relay::new(client, upstream, proxy.0.websockets.rules);
            let request_id = ctx.request_id.clone();
            let task = keep_open(Arc::clone(&proxy.0), relay, early, admitted, request_id);
            proxy.0.websockets.tasks.spawn(task);
            Ok(())
        }
    }
}

async fn open(
    proxy: &Proxy,
    session: &mut Session,
    handshake: &Handshake,
    ctx: &mut Ctx,
) -> Result<Opened> {
    loop {
        let peer = proxy.upstream_peer(session, ctx).await?;
        let mut request = session.req_header().clone();
        // First, so that a client cannot have removed what is said after it.
        for name in upstream::not_passed_on(&request.headers) {
            request.remove_header(&name);
        }
        proxy.upstream_request_filter(session, &mut request, ctx).await?;
        let connection = match upstream::connect(&peer).await {
            Ok(connection) => connection,
            Err(error) => {
                let error = proxy.fail_to_connect(session, &peer, ctx, error.into_up());
                if error.retry() {
                    continue;
                }
                return Err(error);
            }
        };
        let patience = peer.options.read_timeout.unwrap_or(ANSWER);
        let opened = upstream::open(connection, &request, handshake, patience).await;
        ctx.times.answered = Some(tokio::time::Instant::now());
        failure::observe(&proxy.0, ctx, outcome(&opened));
        return opened.map_err(Error::into_up);
    }
}

/// How the upstream's address did.
fn outcome(opened: &Result<Opened>) -> Outcome {
    match opened {
        Err(_) => Outcome::Failed,
        Ok(Opened::Refused(answer)) if (502..=504).contains(&answer.status().as_u16()) => {
            Outcome::Failed
        }
        Ok(_) => Outcome::Answered,
    }
}

async fn keep_open(
    gateway: Arc<Gateway>,
    mut relay: Relay<Stream, hyper_util::rt::TokioIo<hyper::upgrade::Upgraded>>,
    early: Bytes,
    Admitted { mut caller, seat, .. }: Admitted,
    request_id: String,
) {
    let began = tokio::time::Instant::now();
    let websockets = &gateway.websockets;
    websockets.sockets.opened();
    let closing = match relay.heard(&early) {
        Ok(()) => {
            let told_to_close = told_to_close(&gateway, caller.as_mut());
            relay.run(told_to_close, &websockets.pulse).await
        }
        Err(violation) => Closing::ClientViolation(violation),
    };
    websockets.sockets.closed(closing);
    drop(seat);
    let carried = relay.close(closing).await;
    tracing::info!(
        request.id = request_id,
        reason = closing.label(),
        user.id = caller.as_ref().map(|caller| caller.cached.live.user.id.as_str()),
        session.id = caller.as_ref().map(|caller| caller.cached.live.session.id.as_str()),
        open_secs = began.elapsed().as_secs(),
        from_client_bytes = carried.from_client_bytes,
        from_upstream_bytes = carried.from_upstream_bytes,
        "websocket closed"
    );
}

async fn told_to_close(gateway: &Gateway, caller: Option<&mut Caller>) -> Closing {
    let lost = async {
        match caller {
            Some(caller) => rights::lost(caller, &gateway.sessions, &*gateway.clock).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        biased;
        closing = lost => closing,
        () = gateway.websockets.closing.cancelled() => Closing::Restart,
    }
}

/// Our 101, with what the upstream's said besides.
fn switching(upstream: &HeaderMap, handshake: &Handshake) -> Result<ResponseHeader> {
    let chosen = upstream.get(header::SEC_WEBSOCKET_PROTOCOL).cloned();
    let mut head = copied(StatusCode::SWITCHING_PROTOCOLS, upstream)?;
    head.insert_header(header::CONNECTION, "Upgrade")?;
    head.insert_header(header::UPGRADE, "websocket")?;
    let bearer = handshake.bearer.then_some(HeaderValue::from_static(BEARER));
    if let Some(protocol) = chosen.or(bearer) {
        head.insert_header(header::SEC_WEBSOCKET_PROTOCOL, protocol)?;
    }
    Ok(head)
}

/// The upstream's own answer. The connection closes after it: who knows what the
/// client has sent already.
async fn pass_on(
    proxy: &Proxy,
    session: &mut Session,
    answer: Response<Bytes>,
    ctx: &mut Ctx,
) -> Result<()> {
    let (parts, body) = answer.into_parts();
    let mut head = copied(parts.status, &parts.headers)?;
    head.insert_header(header::CONTENT_LENGTH, body.len())?;
    write_head(proxy, session, head, ctx).await?;
    session.write_response_body(Some(body), true).await
}

fn copied(status: StatusCode, headers: &HeaderMap) -> Result<ResponseHeader> {
    let mut head = ResponseHeader::build(status, Some(headers.len() + 8))?;
    for (name, value) in headers {
        head.append_header(name, value)?;
    }
    for name in upstream::not_passed_on(headers) {
        head.remove_header(&name);
    }
    Ok(head)
}

async fn write_head(
    proxy: &Proxy,
    session: &mut Session,
    mut head: ResponseHeader,
    ctx: &mut Ctx,
) -> Result<()> {
    proxy.response_filter(session, &mut head, ctx).await?;
    session.write_response_header(Box::new(head), false).await
}
