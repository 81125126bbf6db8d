//! Table `identity.social_flow`: sign-ins that have gone to a provider.

use auth_types::{StateToken, Timestamp};
use service_kit::{
    Fault, While,
    sealing::{Sealed, Sealer},
};
use sqlx::{PgExecutor, types::Json};

use crate::model::social::flow::{Flow, FlowSecrets, LIFETIME};

#[derive(sqlx::FromRow)]
struct Row {
    flow: Json<Flow>,
    secrets: Vec<u8>,
    secrets_key_id: String,
    expires_at: Timestamp,
}

/// Keeps a new flow under its state.
pub async fn insert(
    db: impl PgExecutor<'_>,
    sealer: &Sealer,
    state: &StateToken,
    (flow, secrets): (&Flow, &FlowSecrets),
    now: Timestamp,
) -> Result<(), Fault> {
    let text = serde_json::to_vec(secrets).doing("writing down a flow's secrets")?;
    let sealed = sealer.seal(&state.digest().to_string(), &text, &mut rand::rng());
    sqlx::query(
        "INSERT INTO identity.social_flow (state_digest, flow, secrets, secrets_key_id, expires_at) \
         VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(state.digest().as_bytes())
    .bind(Json(flow))
    .bind(sealed.bytes)
    .bind(sealed.key_id)
    .bind(now + LIFETIME)
    .execute(db)
    .await
    .doing("keeping a social flow")
    .map(|_| ())
}

/// What a flow was for, for a browser that cannot have it. It stays as it is.
pub async fn find(
    db: impl PgExecutor<'_>,
    state: &StateToken,
    now: Timestamp,
) -> Result<Option<Flow>, Fault> {
    let flow: Option<Json<Flow>> = sqlx::query_scalar(
        "SELECT flow FROM identity.social_flow WHERE state_digest = $1 AND expires_at > $2",
    )
    .bind(state.digest().as_bytes())
    .bind(now)
    .fetch_optional(db)
    .await
    .doing("finding a social flow")?;
    Ok(flow.map(|Json(flow)| flow))
}

/// Spends a state. Of any number of callers with the same one, one gets the flow, ever; a
/// flow that is over is given to nobody, and goes all the same.
pub async fn consume(
    db: impl PgExecutor<'_>,
    sealer: &Sealer,
    state: &StateToken,
    now: Timestamp,
) -> Result<Option<(Flow, FlowSecrets)>, Fault> {
    let row: Option<Row> = sqlx::query_as(
        "DELETE FROM identity.social_flow WHERE state_digest = $1 \
         RETURNING flow, secrets, secrets_key_id, expires_at",
    )
    .bind(state.digest().as_bytes())
    .fetch_optional(db)
    .await
    .doing("consuming a social flow")?;
    let Some(row) = row.filter(|row| now < row.expires_at) else { return Ok(None) };
    let sealed = Sealed { bytes: row.secrets, key_id: row.secrets_key_id };
    let text = sealer.open(&state.digest().to_string(), &sealed);
    let text = text.doing("opening a flow's secrets")?;
    let secrets = serde_json::from_slice(&text).doing("reading a flow's secrets")?;
    Ok(Some((row.flow.0, secrets)))
}

/// Deletes some of what has expired. Nothing reads it any more.
pub async fn purge_expired(db: impl PgExecutor<'_>, now: Timestamp) -> Result<(), Fault> {
    sqlx::query(
        "DELETE FROM identity.social_flow WHERE state_digest IN \
         (SELECT state_digest FROM identity.social_flow WHERE expires_at <= $1 \
           LIMIT 100 FOR UPDATE SKIP LOCKED)",
    )
    .bind(now)
    .execute(db)
    .await
    .doing("purging social flows")
    .map(|_| ())
}
