//! `GET /auth/doctor`: what the gateway sees of whoever asks.
//!
//! `stellar doctor` asks through the public door, as a client would, and learns
//! whether the proxies on the way are known. It shows a token that it signs with a
//! key derived from the root secret; to everybody else there is no such route.

use auth_types::Timestamp;
use contract::{PanelRefusal, internal::DoctorView, jwt::DoctorClaims, schema::PanelProblem};
use http::{HeaderMap, StatusCode, header};
use service_kit::Fault;

use crate::{answer::Answer, ctx::Ctx, state::Gateway};

/// Tells `stellar doctor` what the gateway sees of it.
#[utoipa::path(
    get, path = "/auth/doctor", tag = "system", operation_id = "getDoctorView",
    responses(
        (status = OK, description = "What the gateway sees", body = DoctorView),
        (status = NOT_FOUND, description = "The caller does not know the root secret", body = PanelProblem),
        (status = TOO_MANY_REQUESTS, description = "Asked too often", body = PanelProblem),
    )
)]
pub(super) fn answer(gateway: &Gateway, headers: &HeaderMap, ctx: &Ctx) -> Result<Answer, Fault> {
    let (Some(client), Some(peer)) = (ctx.client, ctx.peer) else {
        return Ok(Answer::panel_refusal(PanelRefusal::NotFound));
    };
    if !is_doctor(gateway, headers, ctx.now) {
        return Ok(Answer::panel_refusal(PanelRefusal::NotFound));
    }
    let lines = headers.get_all("x-forwarded-for").iter().filter_map(|line| line.to_str().ok());
    let forwarded_for = lines.collect::<Vec<_>>().join(", ");
    let deployment = &gateway.deployment;
    let view = DoctorView {
        client_address: client,
        peer_address: peer,
        forwarded_for: (!forwarded_for.is_empty()).then_some(forwarded_for),
        peer_is_trusted: ctx.behind_proxy,
        rate_limit: gateway.rate_limit,
        api_url: deployment.api_origin.clone(),
        frontend_url: deployment.frontend_origin.clone(),
        time: ctx.now,
    };
    Answer::json_of(StatusCode::OK, &view)
}

fn is_doctor(gateway: &Gateway, headers: &HeaderMap, now: Timestamp) -> bool {
    let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = shown.and_then(|value| value.strip_prefix("Bearer "));
    token.is_some_and(|token| gateway.doctor.verify::<DoctorClaims>(token, now).is_ok())
}
