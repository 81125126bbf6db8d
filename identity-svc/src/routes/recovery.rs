//! `POST /api/admin/reset-password`: a way back in for who holds the recovery key
//! (contract 16).
//!
//! The gateway limits it to five calls per hour and address. Each call that gets
//! as far as the key leaves a line in the security log.

use auth_types::{AccountId, Email};
use axum::{Json, extract::State, response::IntoResponse};
use contract::{
    PanelRefusal,
    mail::Template,
    schema::{PanelProblem, PanelRefused},
    session::{ClientInfo, RevokeReason},
};
use serde::Serialize;
use service_kit::{Client, Now, PanelError, While};
use utoipa::ToSchema;

use crate::{
    app::App,
    model::{password::NewPassword, shared_key::is_key},
    promises::{self, SessionPromise},
    routes::{panel_body::PanelBody, setup::unfit},
    store::{accounts, guesses, users},
};

#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "only described; the fields are read one by one")]
pub struct Recover {
    email: String,
    #[schema(min_length = 8)]
    new_password: String,
    /// `ADMIN_RECOVERY_KEY`
    recovery_key: String,
}

#[derive(Serialize, ToSchema)]
pub struct Recovered {
    success: bool,
    message: &'static str,
}

const RECOVERED: Recovered = Recovered {
    success: true,
    message: "Password has been reset successfully. You can now login with your new password.",
};

/// Sets any user's password, for who holds the recovery key, and ends their sessions.
///
/// Five times in an hour from one address.
#[utoipa::path(
    post, path = "/api/admin/reset-password", tag = "set-up", operation_id = "recoverPassword",
    request_body = Recover,
    responses(
        (status = OK, description = "Done", body = Recovered),
        (status = NOT_FOUND, description = "No such user", body = PanelProblem),
        PanelRefused,
    )
)]
pub async fn reset_password(
    State(app): State<App>,
    Now(now): Now,
    Client(client): Client,
    body: Result<PanelBody, PanelError>,
) -> Result<impl IntoResponse, PanelError> {
    let Some(key) = app.recovery_key.clone() else {
        return Err(PanelRefusal::RecoveryDisabled.into());
    };
    let body = body?;
    let (Some(email), Some(password), Some(given)) =
        (body.filled("email"), body.filled("newPassword"), body.filled("recoveryKey"))
    else {
        return Err(PanelRefusal::RecoveryFieldsMissing.into());
    };
    if !is_key(&given, &key) {
        app.metrics.recoveries_refused.inc();
        tracing::warn!(target: "security", { client.addr = client.ip_address }, "a wrong recovery key was given");
        return Err(PanelRefusal::InvalidRecoveryKey.into());
    }
    let password = NewPassword::check(password).map_err(unfit)?;
    let email = Email::parse(&email).map_err(|_| PanelRefusal::UserNotFound)?;
    reset(&app, &email, password, &client, now).await?;
    Ok(Json(RECOVERED))
}

/// Sets the password and ends every session of the user; answers when both are done.
async fn reset(
    app: &App,
    email: &Email,
    password: NewPassword,
    client: &ClientInfo,
    now: auth_types::Timestamp,
) -> Result<(), PanelError> {
    let user = users::find_by_email(&app.db, email).await?.ok_or(PanelRefusal::UserNotFound)?;
    let hash = app.passwords.hash(password).await?;

    let mut tx = app.db.begin().await.doing("starting a recovery")?;
    let user = users::bump_version(&mut *tx, &user.user.id, now).await?;
    let account = AccountId::mint(&mut rand::rng());
    accounts::set_password(&mut *tx, &account, &user.user.id, &hash, now).await?;
    guesses::clear_of_strangers(&mut *tx, &user.user.id).await?;
    let name = user.user.name.clone();
    promises::mail(&mut *tx, &user, Template::PasswordRecovered { name }).await?;
    let promise =
        SessionPromise::revoke_user(&mut tx, user.clone(), RevokeReason::PasswordReset).await?;
    tx.commit().await.doing("committing a recovery")?;

    app.metrics.recoveries.inc();
    tracing::warn!(
        target: "security",
        { user.id = %user.user.id, client.addr = client.ip_address },
        "a password was set with the recovery key"
    );
    app.bell.ring();
    Ok(promise.keep(app).await?)
}
