//! `POST /api/auth/two-factor/generate-backup-codes` (contract 6.4)

use auth_types::Timestamp;
use axum::{Json, extract::State, response::IntoResponse};
use contract::{Refusal, mail::FactorChange, schema::Refused};
use http::HeaderMap;
use secrecy::SecretString;
use serde::Serialize;
use service_kit::{Answered, Current, Error, Now, While, body::JsonBody};
use utoipa::ToSchema;

use crate::{
    app::App,
    changes::Change,
    model::backup_code,
    passwords,
    routes::{Password, password},
    store::{self, backup_codes, two_factors},
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewBackupCodes {
    status: bool,
    backup_codes: Vec<String>,
}

/// Replaces the backup codes.
#[utoipa::path(
    post, path = "/api/auth/two-factor/generate-backup-codes", tag = "two-factor",
    operation_id = "generateBackupCodes",
    request_body = Password,
    responses((status = OK, description = "The new codes, shown this once", body = NewBackupCodes), Refused)
)]
pub async fn generate(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<impl IntoResponse> {
    let password = password(body)?;
    let current = app.own_session(&headers, now).await?;
    let answer = replace(&app, &current, password, now).await;
    current.answer(answer.map(Json))
}

/// The new codes are shown this once; the old ones are dead.
async fn replace(
    app: &App,
    current: &Current,
    password: SecretString,
    now: Timestamp,
) -> Result<NewBackupCodes, Error> {
    let user = &current.live.user;
    if !user.two_factor_enabled {
        return Err(Refusal::TwoFactorNotEnabled.into());
    }
    passwords::check(app, current, password, now).await?;
    let codes = backup_code::generate(&mut rand::rng());
    let digests: Vec<_> = codes.iter().map(|code| app.codes.of(user.id.as_str(), code)).collect();

    let mut tx = app.db.begin().await.doing("starting to replace backup codes")?;
    // In the order in which a guess takes its locks: challenges before the app.
    store::forget_grants(&mut tx, &user.id).await?;
    let held = two_factors::hold(&mut *tx, &user.id).await?;
    if !held.is_some_and(|held| held.verified) {
        return Err(Refusal::TwoFactorNotEnabled.into());
    }
    backup_codes::replace(&mut tx, &user.id, &digests).await?;
    let change = Change::make(&mut tx, current, FactorChange::BackupCodesReplaced).await?;
    tx.commit().await.doing("replacing backup codes")?;
    change.keep(app).await?;
    Ok(NewBackupCodes { status: true, backup_codes: codes })
}
