//! `GET /api/auth/admin/get-user` (contract 5.3)

use auth_types::UserId;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{permission::Permission, schema::AdminRefused, user::User};
use http::HeaderMap;
use service_kit::{Answered, Error, Now, client::Query};

use crate::{admin::NO_SUCH_USER, app::App, metrics::AdminAction, store::users};

/// One user.
#[utoipa::path(
    get, path = "/api/auth/admin/get-user", tag = "admin", operation_id = "getUser",
    params(("id" = String, Query, description = "The user's id")),
    responses((status = OK, description = "The user", body = User), AdminRefused)
)]
pub async fn get_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    Query(query): Query,
) -> Answered<impl IntoResponse> {
    let id = query.string("id");
    query.finish()?;
    let id = UserId::from(id.unwrap_or_default());
    let caller = app.admin(&headers, now, Permission::GetUser).await?;
    app.acted(&caller, AdminAction::GetUser, id.as_str());
    let found = find(&app, &id).await;
    caller.answer(found.map(Json))
}

async fn find(app: &App, id: &UserId) -> Result<User, Error> {
    Ok(users::find_by_id(&app.db, id).await?.ok_or(NO_SUCH_USER)?.user)
}
