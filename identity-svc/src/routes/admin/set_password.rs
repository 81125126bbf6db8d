//! `POST /api/auth/admin/set-user-password` (contract 5.3)

use auth_types::{Timestamp, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    permission::Permission,
    schema::{AdminRefused, Status},
};
use http::HeaderMap;
use service_kit::{AdminCaller, Answered, Error, Now, body::JsonBody, fields::Fields};
use utoipa::ToSchema;

use crate::{
    admin::{self, NO_SUCH_USER},
    app::App,
    model::password::NewPassword,
    routes::sign_up::unfit,
    store::users,
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct SetUserPassword {
    user_id: String,
    #[schema(min_length = 8)]
    new_password: String,
}

/// Sets a user's password.
///
/// Also ends every session of the user, the caller's own too if it is theirs.
#[utoipa::path(
    post, path = "/api/auth/admin/set-user-password", tag = "admin", operation_id = "setUserPassword",
    request_body = SetUserPassword,
    responses((status = OK, description = "Done", body = Status), AdminRefused)
)]
pub async fn set_user_password(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let password = fields.string("newPassword");
    let target = fields.id("userId");
    note_empty(&fields, "newPassword", password.as_deref());
    note_empty(&fields, "userId", target.as_deref());
    fields.finish()?;
    let (password, target) =
        (password.unwrap_or_default(), UserId::from(target.unwrap_or_default()));
    let caller = app.admin(&headers, now, Permission::SetPassword).await?;
    let set = set(&app, &caller, &target, password, now).await;
    caller.answer(set.map(|()| Json(Status::DONE)))
}

fn note_empty(fields: &Fields, name: &str, value: Option<&str>) {
    if value == Some("") {
        fields.note(name, &format!("{name} cannot be empty"));
    }
}

async fn set(
    app: &App,
    caller: &AdminCaller,
    target: &UserId,
    password: String,
    now: Timestamp,
) -> Result<(), Error> {
    let password = NewPassword::check(password).map_err(unfit)?;
    users::find_by_id(&app.db, target).await?.ok_or(NO_SUCH_USER)?;
    let hash = app.passwords.hash(password).await?;
    admin::set_password(app, caller, target, &hash, now).await
}
