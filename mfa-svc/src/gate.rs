//! May a sign-in whose first factor was right go on without a second?

use auth_types::{ChallengeToken, DeviceToken, Timestamp};
use contract::mfa::{FactorOwed, Gate, GateAnswer, Method};
use service_kit::{Error, Fault};

use crate::{
    app::App,
    model::sign_in::FirstFactor,
    store::{challenges, trusted_devices, two_factors},
};

/// Only from a trusted device; that a user has no app here does not mean that they owe
/// none.
pub async fn judge(
    app: &App,
    asked: &Gate,
    first: FirstFactor,
    now: Timestamp,
) -> Result<GateAnswer, Error> {
    if let Some(device) = trusted(app, asked, now).await? {
        app.metrics.devices_passed.inc();
        return Ok(GateAnswer::DeviceTrusted { device });
    }
    let user = &asked.user.user.id;
    let challenge = ChallengeToken::generate(&mut rand::rng());
    challenges::insert(&app.db, &challenge, (&asked.user, first), asked.lifetime, now).await?;
    let app_counts = two_factors::find(&app.db, user).await?.is_some_and(|app| app.verified);
    let methods = if app_counts { vec![Method::Totp, Method::Otp] } else { vec![Method::Otp] };
    app.metrics.challenges.inc();
    tracing::info!(user.id = %user, ?first, "a second factor is owed");
    Ok(GateAnswer::FactorOwed(FactorOwed { challenge, methods }))
}

async fn trusted(app: &App, asked: &Gate, now: Timestamp) -> Result<Option<DeviceToken>, Fault> {
    let Some(presented) = &asked.device else { return Ok(None) };
    let next = DeviceToken::generate(&mut rand::rng());
    let user = &asked.user.user.id;
    let known =
        trusted_devices::rotate(&app.db, user, (presented, &next), &asked.client, now).await?;
    Ok(known.then_some(next))
}
