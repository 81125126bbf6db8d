//! `POST /api/auth/update-user` (contract 4.14)

use auth_types::{Timestamp, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    Refusal,
    schema::{Refused, Status},
};
use http::HeaderMap;
use service_kit::{Answered, Error, Now, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::profile::{self, ProfileChange},
    promises::SessionPromise,
    store::users,
};

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct UpdateUser {
    #[schema(nullable = false)]
    name: Option<String>,
    /// `null` removes it.
    image: Option<String>,
}

/// Changes the caller's name, image or both.
#[utoipa::path(
    post, path = "/api/auth/update-user", tag = "account", operation_id = "updateUser",
    request_body = UpdateUser,
    responses((status = OK, description = "Done; every session shows it", body = Status), Refused)
)]
pub async fn update_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let change = ProfileChange::read(&fields);
    let forbidden = profile::forbidden(&fields);
    fields.finish()?;
    let Some(change) = change else {
        unreachable!("finish() refuses a body whose fields are not in order")
    };
    let mut current = app.current(&headers, now).await?;
    let outcome = match forbidden {
        Some(refusal) => Err(refusal),
        None => update(&app, &current.live.user.id, &change, now).await,
    };
    if outcome.is_ok() {
        current.reissue(&app.deployment.cookies, &headers);
    }
    current.answer(outcome)
}

/// Every session shows the change before the answer does.
async fn update(
    app: &App,
    user: &UserId,
    change: &ProfileChange,
    now: Timestamp,
) -> Result<Json<Status>, Error> {
    change.check()?;
    let mut tx = app.db.begin().await.doing("starting to change a profile")?;
    let changed =
        users::update_profile(&mut *tx, user, change, now).await?.ok_or(Refusal::Unauthorized)?;
    let promise = SessionPromise::user_changed(&mut *tx, changed).await?;
    tx.commit().await.doing("changing a profile")?;
    promise.keep(app).await?;
    Ok(Json(Status::DONE))
}
