//! `GET /api/auth/passkey/list-user-passkeys`, `POST …/update-passkey`,
//! `POST …/delete-passkey` (contract 7.6)
//!
//! What is somebody else's looks as if it were not there.

use axum::{Json, extract::State};
use contract::{Refusal, mail::PasskeyChange, schema::Refused};
use http::HeaderMap;
use serde::Serialize;
use service_kit::{Answered, Current, Error, Now, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::passkey::{self, Passkey, PasskeyView},
    passkey_changes::Changed,
    routes::Status,
    store::passkeys,
};

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct UpdatePasskey {
    id: String,
    name: String,
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct DeletePasskey {
    id: String,
}

#[derive(Serialize, ToSchema)]
pub struct Updated {
    passkey: PasskeyView,
}

/// The caller's passkeys, oldest first.
#[utoipa::path(
    get, path = "/api/auth/passkey/list-user-passkeys", tag = "passkey",
    operation_id = "listUserPasskeys",
    responses((status = OK, description = "All of them", body = Vec<PasskeyView>), Refused)
)]
pub async fn list_user_passkeys(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
) -> Answered<Json<Vec<PasskeyView>>> {
    let current = Current::find(&app.bus, &app.deployment.cookies, &headers, now).await?;
    let listed = passkeys::list(&app.db, &current.live.user.id).await;
    let views = |passkeys: Vec<Passkey>| Json(passkeys.iter().map(Passkey::view).collect());
    current.answer(listed.map(views).map_err(Error::from))
}

/// Gives a passkey of the caller's another name.
#[utoipa::path(
    post, path = "/api/auth/passkey/update-passkey", tag = "passkey", operation_id = "updatePasskey",
    request_body = UpdatePasskey,
    responses(
        (status = OK, description = "With its new name", body = Updated),
        (status = NOT_FOUND, description = "The caller has no such passkey", body = contract::schema::Problem),
        Refused
    )
)]
pub async fn update_passkey(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Json<Updated>> {
    let fields = body.fields()?;
    let id = fields.string("id");
    let name = passkey::name(&fields, "name");
    fields.finish()?;
    let (id, name) = (id.unwrap_or_default(), name.unwrap_or_default());
    let current = app.own_session(&headers, now).await?;
    let renamed = passkeys::rename(&app.db, &current.live.user.id, &id, &name).await;
    let answer = renamed.map_err(Error::from).and_then(|renamed| {
        let passkey = renamed.ok_or(Refusal::PasskeyNotFound)?.view();
        Ok(Json(Updated { passkey }))
    });
    current.answer(answer)
}

/// Removes a passkey of the caller's. Their other sessions end.
#[utoipa::path(
    post, path = "/api/auth/passkey/delete-passkey", tag = "passkey", operation_id = "deletePasskey",
    request_body = DeletePasskey,
    responses(
        (status = OK, description = "It is gone", body = Status),
        (status = NOT_FOUND, description = "The caller has no such passkey", body = contract::schema::Problem),
        Refused
    )
)]
pub async fn delete_passkey(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Json<Status>> {
    let fields = body.fields()?;
    let id = fields.string("id");
    fields.finish()?;
    let current = app.own_session(&headers, now).await?;
    let answer = remove(&app, &current, &id.unwrap_or_default()).await;
    current.answer(answer.map(|()| Json(Status::OK)))
}

async fn remove(app: &App, current: &Current, id: &str) -> Result<(), Error> {
    let mut tx = app.db.begin().await.doing("starting to remove a passkey")?;
    let removed = passkeys::delete(&mut *tx, &current.live.user.id, id).await?;
    let name = removed.ok_or(Refusal::PasskeyNotFound)?;
    let named = (id, name.as_deref());
    let changed = Changed::make(&mut tx, current, named, PasskeyChange::Removed).await?;
    tx.commit().await.doing("removing a passkey")?;
    Ok(changed.keep(app).await?)
}
