//! `POST /api/auth/admin/set-role` (contract 5.3)

use auth_types::UserId;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{permission::Permission, schema::AdminRefused};
use http::HeaderMap;
use service_kit::{Answered, Now, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    admin,
    app::App,
    metrics::AdminAction,
    model::user_change::Change,
    routes::admin::{GivenRoles, TheUser, data},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SetRole {
    user_id: String,
    role: GivenRoles,
}

/// Gives a user other roles.
///
/// Only roles that exist can be given: a misspelt one would grant nothing, and say
/// so nowhere.
#[utoipa::path(
    post, path = "/api/auth/admin/set-role", tag = "admin", operation_id = "setRole",
    request_body = SetRole,
    responses((status = OK, description = "The user as they are now", body = TheUser), AdminRefused)
)]
pub async fn set_role(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let target = fields.id("userId");
    let role = data::role(&fields);
    if fields.raw("role").is_none() {
        fields.note("role", "Invalid input");
    }
    fields.finish()?;
    let target = UserId::from(target.unwrap_or_default());
    let caller = app.admin(&headers, now, Permission::SetRole).await?;
    let changed = async {
        let changes = role.transpose()?.map(Change::Role).into_iter().collect();
        admin::change(&app, &caller, AdminAction::SetRole, &target, changes, now).await
    };
    let changed = changed.await;
    caller.answer(changed.map(|user| Json(TheUser { user })))
}
