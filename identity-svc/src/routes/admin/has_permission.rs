//! `POST /api/auth/admin/has-permission` (contract 5.3.4)

use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    permission::{self, Asked},
    schema::AdminRefused,
};
use http::{HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use service_kit::{Answered, Current, Error, Now, WithCookies, body::JsonBody, fields::Fields};
use utoipa::ToSchema;

use crate::app::App;

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct HasPermission {
    /// Actions by resource. The caller must hold all of them by one role.
    #[schema(value_type = BTreeMap<String, Vec<String>>)]
    permissions: Asked,
    #[schema(nullable = false)]
    user_id: Option<String>,
    #[schema(nullable = false)]
    role: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub struct Judgement {
    /// Always `null`.
    #[schema(required)]
    error: Option<String>,
    success: bool,
}

/// Says whether the caller holds permissions.
///
/// Judges the caller, whoever the body names.
#[utoipa::path(
    post, path = "/api/auth/admin/has-permission", tag = "admin", operation_id = "hasPermission",
    request_body = HasPermission,
    responses((status = OK, description = "Whether they do", body = Judgement), AdminRefused)
)]
pub async fn has_permission(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let asked = read(body)?;
    let current = match Current::find_any(&app.bus, &app.deployment.cookies, &headers, now).await? {
        (Some(current), _) => current,
        (None, clears) => return Err(WithCookies(clears, Error::Empty(StatusCode::UNAUTHORIZED))),
    };
    let is_own = current.live.session.impersonated_by.is_none();
    let success = is_own && permission::grants(&current.live.user.role, &asked);
    current.answer(Ok(Json(Judgement { error: None, success })))
}

fn read(body: JsonBody) -> Result<Asked, Error> {
    let fields = body.fields()?;
    if fields.raw("userId").is_some() {
        fields.id("userId");
    }
    fields.optional_string("role");
    let (old, new) = (asked(&fields, "permission"), asked(&fields, "permissions"));
    match (&old, &new) {
        (None, None) => fields.note_whole("Invalid input"),
        (Some(_), Some(_)) => fields.note_whole("Invalid input: more than one option matched"),
        _ => {}
    }
    fields.finish()?;
    new.ok_or_else(|| {
        Error::Message("invalid permission check. no permission(s) were passed.".to_owned())
    })
}

/// Lists of actions by resource, if that is what stands there.
fn asked(fields: &Fields, name: &str) -> Option<Asked> {
    let value: &Value = fields.raw(name)?;
    serde_json::from_value(value.clone()).ok()
}
