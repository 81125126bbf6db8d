//! Asking a signed-in user for their password again.

use auth_types::Timestamp;
use contract::{Refusal, identity::VerifyPassword};
use secrecy::SecretString;
use service_kit::{Current, Error, While};

use crate::{app::App, model::guard::Door, store::guards};

/// Charged before it is judged, like every guess.
pub async fn check(
    app: &App,
    current: &Current,
    password: SecretString,
    now: Timestamp,
) -> Result<(), Error> {
    let user = &current.live.user.id;
    let mut tx = app.db.begin().await.doing("starting to check a password")?;
    guards::charge(&mut tx, user, Door::Password, now).await?;
    tx.commit().await.doing("counting a password")?;
    match app.bus.request(&VerifyPassword { user_id: user.clone(), password }).await {
        Ok(true) => Ok(guards::clear(&app.db, user, Door::Password).await?),
        Ok(false) => Err(Refusal::InvalidPassword.into()),
        Err(error) => {
            // An outage is nobody's guess.
            guards::forgive(&app.db, user, Door::Password).await?;
            Err(error.into())
        }
    }
}
