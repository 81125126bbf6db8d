//! `GET /api/ws/token` (contract 16): a ticket for one WebSocket.

use auth_types::{Timestamp, UserId, random};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use contract::{
    PanelRefusal, Purpose, RootSecrets,
    jwt::{LIFETIME, Signer, Verifier, WS_AUDIENCE, WsClaims, validity},
    schema::PanelProblem,
    session_copy::Provenance,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use service_kit::{Fault, RedisLink, While};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::{
    answer::Answer,
    ctx::Ctx,
    session::{Principal, Standing},
    state::Gateway,
};

/// Characters of a token's id: about 131 bits.
const ID_LENGTH: usize = 22;
/// How much longer than a token lives it is remembered that it was used.
const SKEW_MILLIS: u64 = 60_000;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WsTicket {
    token: String,
    #[schema(value_type = String)]
    user_id: UserId,
}

/// Makes WebSocket tokens, and takes them, each of them once.
pub struct WsTokens {
    issuer: String,
    signer: Signer,
    verifier: Verifier,
    link: RedisLink,
}

impl WsTokens {
    #[must_use]
    pub fn new(issuer: String, secrets: &RootSecrets, link: RedisLink) -> Self {
        Self {
            signer: Signer::new(secrets, Purpose::WsToken),
            verifier: Verifier::new(secrets, Purpose::WsToken, &issuer, WS_AUDIENCE),
            issuer,
            link,
        }
    }

    fn mint(&self, principal: &Principal, now: Timestamp) -> Result<String, Fault> {
        let jti = random::text(&mut rand::rng(), random::ALPHANUMERIC, ID_LENGTH);
        let connected = self.link.of(&key(&jti)).doing("minting a ws-token")?;
        let (iat, exp) = validity(now);
        let claims = WsClaims {
            iss: self.issuer.clone(),
            aud: WS_AUDIENCE.to_owned(),
            sub: principal.live().user.id.clone(),
            sid: principal.live().session.id.clone(),
            jti,
            session_digest: principal.token.digest(),
            remembered_by: name(&connected.here),
            iat,
            exp,
        };
        self.signer.sign(&claims).doing("signing a ws-token")
    }

    /// What a token says, if it is one of ours and good at this instant. It may have
    /// been used: [`take`](Self::take) knows.
    #[must_use]
    pub fn read(&self, token: &str, now: Timestamp) -> Option<WsClaims> {
        self.verifier.verify(token, now).ok()
    }

    /// Uses a token up. Of any number of gateways that try at once, one gets `true`.
    pub async fn take(&self, claims: &WsClaims) -> Result<bool, Fault> {
        let key = key(&claims.jti);
        let connected = self.link.of(&key).doing("taking a ws-token")?;
        if claims.remembered_by != name(&connected.here) {
            return Ok(false);
        }
        let remembered_for = u64::try_from(LIFETIME.as_millis()).unwrap_or(0) + SKEW_MILLIS;
        let first: Option<String> = redis::cmd("SET")
            .arg(key)
            .arg(1)
            .arg("NX")
            .arg("PX")
            .arg(remembered_for)
            .query_async(&mut connected.connection.clone())
            .await
            .doing("taking a ws-token")?;
        Ok(first.is_some())
    }
}

/// Where it is remembered that a token has been used.
fn key(jti: &str) -> String {
    format!("wst:1:{jti}")
}

/// A Redis and its reign, in few characters that tell nothing about it.
fn name(here: &Provenance) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(here.as_str())[..8])
}

/// A token for one WebSocket: a signed JWT of audience `ws`, good for a minute.
#[utoipa::path(
    get, path = "/api/ws/token", tag = "session", operation_id = "getWsToken",
    responses(
        (status = OK, description = "The token", body = WsTicket),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = PanelProblem),
        (status = UNAUTHORIZED, description = "No session", body = PanelProblem),
        (status = SERVICE_UNAVAILABLE, description = "The stores do not answer", body = PanelProblem),
    )
)]
pub async fn answer(
    gateway: &Gateway,
    headers: &HeaderMap,
    ctx: &mut Ctx,
) -> Result<Answer, Fault> {
    let Standing::Live(principal) = gateway.sessions.find(headers, ctx.now).await? else {
        return Ok(Answer::panel_refusal(PanelRefusal::NotAuthenticated));
    };
    let token = gateway.ws_tokens.mint(&principal, ctx.now)?;
    let ticket = WsTicket { token, user_id: principal.live().user.id.clone() };
    ctx.principal = Some(principal);
    Answer::json_of(StatusCode::OK, &ticket)
}
