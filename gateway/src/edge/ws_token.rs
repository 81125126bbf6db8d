//! `GET /api/ws/token` (contract 16): a ticket for one WebSocket.

use auth_types::{UserId, random};
use contract::{
    PanelRefusal, Purpose, RootSecrets,
    jwt::{Signer, WS_AUDIENCE, WsClaims, validity},
    schema::PanelProblem,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use service_kit::{Fault, While};
use utoipa::ToSchema;

use crate::{
    answer::Answer,
    ctx::Ctx,
    session::{Principal, Standing},
    state::Gateway,
};

/// Characters of a token's id: about 131 bits.
const ID_LENGTH: usize = 22;

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct WsTicket {
    token: String,
    #[schema(value_type = String)]
    user_id: UserId,
}

/// Makes WebSocket tokens.
pub struct WsTokens {
    issuer: String,
    signer: Signer,
}

impl WsTokens {
    #[must_use]
    pub fn new(issuer: String, secrets: &RootSecrets) -> Self {
        Self { issuer, signer: Signer::new(secrets, Purpose::WsToken) }
    }

    fn mint(&self, principal: &Principal, now: auth_types::Timestamp) -> Result<String, Fault> {
        let (iat, exp) = validity(now);
        let claims = WsClaims {
            iss: self.issuer.clone(),
            aud: WS_AUDIENCE.to_owned(),
            sub: principal.live().user.id.clone(),
            sid: principal.live().session.id.clone(),
            jti: random::text(&mut rand::rng(), random::ALPHANUMERIC, ID_LENGTH),
            iat,
            exp,
        };
        self.signer.sign(&claims).doing("signing a ws-token")
    }
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
