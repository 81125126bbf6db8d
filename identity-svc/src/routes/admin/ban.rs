//! `POST /api/auth/admin/ban-user` and `/unban-user` (contract 5.3)

use std::time::Duration;

use auth_types::{Timestamp, UserId};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{permission::Permission, schema::AdminRefused};
use http::HeaderMap;
use service_kit::{Answered, Now, body::JsonBody, fields::Fields};
use utoipa::ToSchema;

use crate::{
    admin,
    app::App,
    metrics::AdminAction,
    model::user_change::Change,
    routes::admin::{OfUser, TheUser},
};

const NO_REASON: &str = "No reason";
/// Longest ban that ends by itself: a hundred years. Whoever wants more bans for ever.
const MAX_BAN_SECS: f64 = 3_153_600_000.0;

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct BanUser {
    user_id: String,
    #[schema(nullable = false)]
    ban_reason: Option<String>,
    /// Seconds; for ever without it.
    #[schema(nullable = false, minimum = 0, maximum = 3_153_600_000_u64)]
    ban_expires_in: Option<f64>,
}

/// Keeps a user from signing in. Also ends every session of theirs.
#[utoipa::path(
    post, path = "/api/auth/admin/ban-user", tag = "admin", operation_id = "banUser",
    request_body = BanUser,
    responses((status = OK, description = "The user as they are now", body = TheUser), AdminRefused)
)]
pub async fn ban_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let fields = body.fields()?;
    let target = fields.id("userId");
    let reason = fields.optional_string("banReason");
    let lasts = duration(&fields);
    fields.finish()?;
    let target = UserId::from(target.unwrap_or_default());
    let reason = reason.flatten().filter(|reason| !reason.is_empty());
    let changes = vec![
        Change::Banned(true),
        Change::BanReason(Some(reason.unwrap_or_else(|| NO_REASON.to_owned()))),
        Change::BanExpires(expiry(now, lasts)),
    ];
    let caller = app.admin(&headers, now, Permission::Ban).await?;
    let banned = admin::change(&app, &caller, AdminAction::BanUser, &target, changes, now).await;
    caller.answer(banned.map(|user| Json(TheUser { user })))
}

/// Lets a user sign in again.
#[utoipa::path(
    post, path = "/api/auth/admin/unban-user", tag = "admin", operation_id = "unbanUser",
    request_body = OfUser,
    responses((status = OK, description = "The user as they are now", body = TheUser), AdminRefused)
)]
pub async fn unban_user(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let target = UserId::from(body.fields()?.only_id("userId")?);
    let changes = vec![Change::Banned(false), Change::BanReason(None), Change::BanExpires(None)];
    let caller = app.admin(&headers, now, Permission::Ban).await?;
    let unbanned =
        admin::change(&app, &caller, AdminAction::UnbanUser, &target, changes, now).await;
    caller.answer(unbanned.map(|user| Json(TheUser { user })))
}

/// How long the ban lasts; zero means for ever, as if nothing had been said.
fn duration(fields: &Fields) -> Duration {
    let secs = fields.optional_number("banExpiresIn").flatten().unwrap_or(0.0);
    if secs < 0.0 {
        fields.note("banExpiresIn", "Too small: expected number to be >=0");
    } else if secs > MAX_BAN_SECS {
        fields.note("banExpiresIn", &format!("Too big: expected number to be <={MAX_BAN_SECS}"));
    }
    Duration::from_secs_f64(secs.clamp(0.0, MAX_BAN_SECS))
}

fn expiry(now: Timestamp, lasts: Duration) -> Option<Timestamp> {
    (!lasts.is_zero()).then(|| now + lasts)
}
