//! `POST /api/auth/admin/remove-user` (contract 5.3)

use auth_types::UserId;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    permission::Permission,
    schema::{AdminRefused, Success},
};
use http::HeaderMap;
use service_kit::{Answered, Now, body::JsonBody};

use crate::{admin, app::App, routes::admin::OfUser};

/// Removes a user with everything that is theirs.
#[utoipa::path(
    post, path = "/api/auth/admin/remove-user", tag = "admin", operation_id = "removeUser",
    request_body = OfUser,
    responses((status = OK, description = "Done", body = Success), AdminRefused)
)]
pub async fn remove_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let target = UserId::from(body.fields()?.only_id("userId")?);
    let caller = app.admin(&headers, now, Permission::DeleteUser).await?;
    let removed = admin::remove(&app, &caller, &target, now).await;
    caller.answer(removed.map(|()| Json(Success::DONE)))
}
