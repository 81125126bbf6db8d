//! `POST /api/auth/two-factor/disable` (contract 6.4)

use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    cookies::PresentedDevice, mail::FactorChange, schema::Refused, session::SessionOpened,
};
use http::HeaderMap;
use service_kit::{Answered, Current, Error, Now, While, WithCookies, body::JsonBody};

use crate::{
    app::App,
    changes::{self, Change},
    passwords,
    routes::{Password, Status, password},
    store::{self, two_factors},
};

/// Turns the second factor off. A new session takes the place of the caller's.
#[utoipa::path(
    post, path = "/api/auth/two-factor/disable", tag = "two-factor", operation_id = "disableTwoFactor",
    request_body = Password,
    responses((status = OK, description = "Done", body = Status), Refused)
)]
pub async fn disable(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let password = password(body)?;
    let current = app.own_session(&headers, now).await?;
    if let Err(error) = passwords::check(&app, &current, password, now).await {
        return Err(WithCookies(current.cookies, error));
    }
    match remove(&app, &current).await {
        Ok(opened) => {
            let cookies = &app.deployment.cookies;
            let mut lines = cookies.rotated_session(&opened, &headers);
            let presented = cookies.presented_device(&headers, &current.live.user.id);
            if !matches!(presented, PresentedDevice::Nothing) {
                lines.push(cookies.clear_trust_device());
            }
            Ok(WithCookies(lines, Json(Status::OK)))
        }
        Err(error) => Err(WithCookies(current.cookies, error)),
    }
}

async fn remove(app: &App, current: &Current) -> Result<SessionOpened, Error> {
    let mut tx = app.db.begin().await.doing("starting to disable a second factor")?;
    // In the order in which a guess takes its locks: challenges before the app.
    store::forget_grants(&mut tx, &current.live.user.id).await?;
    two_factors::delete(&mut *tx, &current.live.user.id).await?;
    let change = Change::make(&mut tx, current, FactorChange::Disabled).await?;
    tx.commit().await.doing("disabling a second factor")?;
    let user = change.keep(app).await?;
    changes::rotate(app, current, user).await
}
