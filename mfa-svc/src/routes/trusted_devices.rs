//! Routes of ours: `GET /api/auth/two-factor/list-trusted-devices` and
//! `POST /api/auth/two-factor/revoke-trusted-device`.

use axum::{Json, extract::State, response::IntoResponse};
use contract::schema::Refused;
use http::HeaderMap;
use service_kit::{Answered, Error, Now, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    routes::Status,
    store::trusted_devices::{self, TrustedDevice},
};

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct RevokeDevice {
    /// The device's `id` in `list-trusted-devices`.
    id: String,
}

/// Browsers from which the caller is asked for no second factor.
#[utoipa::path(
    get, path = "/api/auth/two-factor/list-trusted-devices", tag = "two-factor",
    operation_id = "listTrustedDevices",
    responses((status = OK, description = "All of them", body = Vec<TrustedDevice>), Refused)
)]
pub async fn list(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<impl IntoResponse> {
    let current = app.own_session(&headers, now).await?;
    let devices = trusted_devices::list(&app.db, &current.live.user.id, now).await;
    current.answer(devices.map(Json).map_err(Error::from))
}

/// Trusts a browser no more.
///
/// Takes an id of the list. What is unknown or somebody else's changes nothing and looks
/// the same.
#[utoipa::path(
    post, path = "/api/auth/two-factor/revoke-trusted-device", tag = "two-factor",
    operation_id = "revokeTrustedDevice",
    request_body = RevokeDevice,
    responses((status = OK, description = "Done, or nothing to do", body = Status), Refused)
)]
pub async fn revoke(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let id = fields.string("id");
    fields.finish()?;
    let current = app.own_session(&headers, now).await?;
    let revoked =
        trusted_devices::delete(&app.db, &current.live.user.id, &id.unwrap_or_default()).await;
    current.answer(revoked.map(|()| Json(Status::OK)).map_err(Error::from))
}
