//! Routes of ours: `GET /api/auth/two-factor/list-trusted-devices` and
//! `POST /api/auth/two-factor/revoke-trusted-device`.

use axum::{Json, extract::State, response::IntoResponse};
use http::HeaderMap;
use service_kit::{Answered, Error, Now, body::JsonBody};

use crate::{app::App, routes::Status, store::trusted_devices};

pub async fn list(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<impl IntoResponse> {
    let current = app.own_session(&headers, now).await?;
    let devices = trusted_devices::list(&app.db, &current.live.user.id, now).await;
    current.answer(devices.map(Json).map_err(Error::from))
}

/// Takes an id of the list. What is unknown or somebody else's changes nothing and looks
/// the same.
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
