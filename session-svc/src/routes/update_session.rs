//! `POST /api/auth/update-session` (contract 3.9)

use std::convert::Infallible;

use axum::extract::State;
use contract::schema::Refused;
use http::HeaderMap;
use service_kit::{Answered, Error, Now, body::JsonBody, fields::Fields};

use crate::{app::App, routes::Nothing};

/// Refuses: a session has nothing that its user may write, so there is no way to succeed.
#[utoipa::path(
    post, path = "/api/auth/update-session", tag = "session", operation_id = "updateSession",
    request_body = Nothing,
    responses(Refused)
)]
pub async fn update_session(
    State(app): State<App>,
    Now(now): Now,
    headers: HeaderMap,
    body: JsonBody,
) -> Answered<Infallible> {
    let fields = body.fields()?;
    let refusal = judge(&fields);
    fields.finish()?;
    let current = app.current(&headers, now).await?;
    current.answer(Err(refusal))
}

fn judge(fields: &Fields) -> Error {
    if fields.is_truthy("impersonatedBy") {
        Error::FieldNotAllowed("impersonatedBy")
    } else {
        Error::Message("No fields to update".to_owned())
    }
}
