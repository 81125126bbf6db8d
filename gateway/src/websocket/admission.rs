//! Who may open a WebSocket, and as whom.
//!
//! A token names the caller if there is one, whatever else is there. A cookie names
//! them only on a page of ours: browsers send cookies along with handshakes from any
//! page, and let that page read what comes back.

use std::sync::Arc;

use auth_types::TokenDigest;
use contract::PanelRefusal;
use http::HeaderMap;
use service_kit::Fault;

use super::handshake::Handshake;
use crate::{ctx::Ctx, endings::Watch, session::Standing, session_cache::Cached, state::Gateway};

/// Somebody with a session, which is watched since before it was looked up.
pub struct Caller {
    pub digest: TokenDigest,
    pub cached: Arc<Cached>,
    pub watch: Watch,
}

/// Finds out who opens a socket. Nobody in particular is `None`.
pub async fn identify(
    gateway: &Gateway,
    handshake: &Handshake,
    headers: &HeaderMap,
    ctx: &mut Ctx,
) -> Result<Result<Option<Caller>, PanelRefusal>, Fault> {
    match &handshake.token {
        Some(token) => Ok(by_token(gateway, token, ctx).await?.map(Some)),
        None => by_cookie(gateway, headers, ctx).await,
    }
}

async fn by_token(
    gateway: &Gateway,
    token: &str,
    ctx: &mut Ctx,
) -> Result<Result<Caller, PanelRefusal>, Fault> {
    let refused = Ok(Err(PanelRefusal::Unauthorized));
    let Some(claims) = gateway.ws_tokens.read(token, ctx.now) else { return refused };
    let digest = claims.session_digest;
    let watch = gateway.endings.watch(digest);
    let found = gateway.sessions.find_by_digest(digest, ctx.now).await?;
    let is_theirs = |cached: &Arc<Cached>| {
        cached.live.user.id == claims.sub && cached.live.session.id == claims.sid
    };
    let Some(cached) = found.filter(is_theirs) else { return refused };
    // Last, so that an outage uses nothing up.
    if !gateway.ws_tokens.take(&claims).await? {
        return refused;
    }
    ctx.ticket_holder = Some(Arc::clone(&cached));
    Ok(Ok(Caller { digest, cached, watch }))
}

async fn by_cookie(
    gateway: &Gateway,
    headers: &HeaderMap,
    ctx: &mut Ctx,
) -> Result<Result<Option<Caller>, PanelRefusal>, Fault> {
    let Some(token) = gateway.deployment.cookies.session_token(headers) else {
        return Ok(Ok(None));
    };
    if ctx.readable_by.is_none() {
        return Ok(Err(PanelRefusal::InvalidOrigin));
    }
    let digest = token.digest();
    let watch = gateway.endings.watch(digest);
    let Standing::Live(principal) = gateway.sessions.find(headers, ctx.now).await? else {
        return Ok(Ok(None));
    };
    let cached = Arc::clone(&principal.cached);
    ctx.principal = Some(principal);
    Ok(Ok(Some(Caller { digest, cached, watch })))
}
