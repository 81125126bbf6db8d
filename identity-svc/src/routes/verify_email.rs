//! `GET /api/auth/verify-email` (contract 4.8)

use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use contract::Refusal;
use http::{HeaderValue, StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use service_kit::{Error, Now, While};

use crate::{
    app::App,
    model::verification::Claims,
    promises::SessionPromise,
    store::users,
};

#[derive(Deserialize)]
pub struct Asked {
    token: String,
    #[serde(rename = "callbackURL")]
    callback: Option<String>,
}

/// A mail scanner that follows the link proves no more than the mailbox's owner
/// would; following it twice changes nothing the second time.
pub async fn verify_email(
    State(app): State<App>,
    Now(now): Now,
    Query(asked): Query<Asked>,
) -> Result<Response, Error> {
    let callback = asked.callback.filter(|callback| !callback.is_empty());
    if callback.as_ref().is_some_and(|callback| !app.deployment.origins.allows_callback(callback)) {
        return Err(Refusal::InvalidCallbackUrl.into());
    }
    match (verify(&app, &asked.token, now).await, callback) {
        (Ok(()), Some(callback)) => Ok(redirect(&callback)),
        (Ok(()), None) => Ok(Json(json!({ "status": true, "user": null })).into_response()),
        (Err(Error::Refused(refusal)), Some(callback)) => Ok(redirect(&with_error(&callback, refusal))),
        (Err(error), _) => Err(error),
    }
}

async fn verify(app: &App, token: &str, now: auth_types::Timestamp) -> Result<(), Error> {
    let claims = Claims::read(token, &app.deployment.secrets, now)?;
    let user = users::find_by_email(&app.db, &claims.email).await?.ok_or(Refusal::UserNotFound)?;
    if user.user.id != claims.user_id {
        return Err(Refusal::InvalidToken.into());
    }
    let mut tx = app.db.begin().await.doing("starting to verify an address")?;
    let verified = users::verify_email(&mut *tx, &claims.user_id, &claims.email, now).await?;
    let Some(verified) = verified else { return Ok(()) };
    let promise = SessionPromise::user_changed(&mut *tx, verified).await?;
    tx.commit().await.doing("verifying an address")?;
    tracing::info!(user.id = %claims.user_id, "an address was verified");
    Ok(promise.keep(app).await?)
}

fn redirect(target: &str) -> Response {
    match HeaderValue::try_from(target) {
        Ok(location) => (StatusCode::FOUND, [(header::LOCATION, location)]).into_response(),
        Err(_) => Error::from(Refusal::InvalidCallbackUrl).into_response(),
    }
}

/// Puts `error=CODE` into the query, before any fragment.
fn with_error(callback: &str, refusal: Refusal) -> String {
    let (address, fragment) = match callback.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (callback, String::new()),
    };
    let separator = if address.contains('?') { '&' } else { '?' };
    format!("{address}{separator}error={}{fragment}", refusal.code())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_joins_the_query_before_the_fragment() {
        let with = |callback| with_error(callback, Refusal::InvalidToken);
        assert_eq!(with("/a"), "/a?error=INVALID_TOKEN");
        assert_eq!(with("/a?b=c#d"), "/a?b=c&error=INVALID_TOKEN#d");
    }
}
