//! `POST /api/auth/admin/update-user` (contract 5.3.2)

use auth_types::UserId;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{Refusal, permission::Permission, schema::AdminRefused, user::User};
use http::HeaderMap;
use serde_json::Value;
use service_kit::{AdminCaller, Answered, Error, Now, body::JsonBody, fields::Fields};
use utoipa::ToSchema;

use crate::{
    admin,
    app::App,
    metrics::AdminAction,
    model::user_change::Change,
    routes::admin::{GivenRoles, data},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct UpdateByAdmin {
    user_id: String,
    data: Changes,
}

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct Changes {
    #[schema(nullable = false)]
    name: Option<String>,
    #[schema(nullable = false, format = "email")]
    email: Option<String>,
    #[schema(nullable = false)]
    email_verified: Option<bool>,
    image: Option<String>,
    #[schema(nullable = false)]
    role: Option<GivenRoles>,
    #[schema(nullable = false)]
    banned: Option<bool>,
    ban_reason: Option<String>,
    #[schema(format = "date-time")]
    ban_expires: Option<String>,
    /// Only `false`, which turns the second factor off.
    #[schema(nullable = false)]
    two_factor_enabled: Option<bool>,
}

/// Changes a user.
///
/// The answer is the user as it is, without an object around it.
#[utoipa::path(
    post, path = "/api/auth/admin/update-user", tag = "admin", operation_id = "adminUpdateUser",
    request_body = UpdateByAdmin,
    responses((status = OK, description = "The user as they are now", body = User), AdminRefused)
)]
pub async fn update_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let (target, data) = (fields.id("userId"), fields.record("data"));
    fields.finish()?;
    let target = UserId::from(target.unwrap_or_default());
    let data = data.unwrap_or_default();
    let is_empty = data.is_empty();
    let data = data::fields(data);
    let changes = if is_empty { Err(Refusal::NoDataToUpdate.into()) } else { read(&data) };
    data.finish()?;

    let caller = app.admin(&headers, now, Permission::UpdateUser).await?;
    let updated = async {
        let changes = changes?;
        require(&caller, &changes)?;
        admin::change(&app, &caller, AdminAction::UpdateUser, &target, changes, now).await
    };
    let updated = updated.await;
    caller.answer(updated.map(Json))
}

fn read(data: &Fields) -> Result<Vec<Change>, Error> {
    let mut changes = data::plain(data);
    if data.raw("password").is_some() {
        return Err(Refusal::PasswordNotByUpdate.into());
    }
    if data.raw("id").is_some() {
        return Err(Refusal::UserIdNotByUpdate.into());
    }
    if let Some(role) = data.raw("role") {
        changes.push(Change::Role(data::roles(role)?));
    }
    if let Some(email) = data.raw("email") {
        changes.push(Change::Email(data::email(email)?));
    }
    match data.raw("twoFactorEnabled") {
        Some(Value::Bool(false)) => changes.push(Change::SecondFactorOff),
        Some(_) => return Err(Error::FieldNotAllowed("twoFactorEnabled")),
        None => {}
    }
    Ok(changes)
}

fn require(caller: &AdminCaller, changes: &[Change]) -> Result<(), Error> {
    changes
        .iter()
        .filter_map(Change::permission)
        .try_for_each(|permission| caller.require(permission))
}
