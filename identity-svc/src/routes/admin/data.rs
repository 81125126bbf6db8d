//! What an admin says a user should be, in a body or in its `data` (contract 5.3.1,
//! 5.3.2).

use auth_types::{Email, Roles, Timestamp};
use contract::Refusal;
use serde_json::{Map, Value};
use service_kit::fields::Fields;

use crate::model::user_change::Change;

/// The fields of `data`.
pub(super) fn fields(data: Map<String, Value>) -> Fields {
    Fields::nested("body.data", data)
}

/// Changes whose values are of the right type or not; the latter are noted. Fields
/// that are nobody's to set are ignored.
pub(super) fn plain(data: &Fields) -> Vec<Change> {
    let given = |name| data.raw(name).is_some();
    let string = |name| given(name).then(|| data.string(name)).flatten();
    let bool = |name| given(name).then(|| data.bool_or(name, false)).flatten();
    let nullable = |name| match data.raw(name) {
        Some(Value::Null) => Some(None),
        _ => string(name).map(Some),
    };
    [
        string("name").map(Change::Name),
        nullable("image").map(Change::Image),
        bool("emailVerified").map(Change::EmailVerified),
        bool("banned").map(Change::Banned),
        nullable("banReason").map(Change::BanReason),
        nullable("banExpires").and_then(|text| instant(data, text)).map(Change::BanExpires),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[expect(clippy::option_option, reason = "the outer one says whether the value was in order")]
fn instant(data: &Fields, text: Option<String>) -> Option<Option<Timestamp>> {
    let Some(text) = text else { return Some(None) };
    let instant = Timestamp::parse(&text);
    if instant.is_none() {
        data.note("banExpires", "Invalid input: expected date, received string");
    }
    instant.map(Some)
}

/// The body's `role`: text or a list of texts, else that is noted. Whether the roles
/// exist is judged later, after whether the caller may give any.
pub(super) fn role(body: &Fields) -> Option<Result<Roles, Refusal>> {
    let value = body.raw("role")?;
    let roles = roles(value);
    if matches!(roles, Err(Refusal::InvalidRoleType)) {
        body.note("role", "Invalid input");
    }
    Some(roles)
}

/// The role in `data`, which has a refusal of its own for what is no text.
pub(super) fn roles(value: &Value) -> Result<Roles, Refusal> {
    let names: Option<Vec<&str>> = match value {
        Value::Array(names) => names.iter().map(Value::as_str).collect(),
        name => name.as_str().map(|name| vec![name]),
    };
    Roles::named(names.ok_or(Refusal::InvalidRoleType)?).ok_or(Refusal::NoSuchRole)
}

pub(super) fn email(value: &Value) -> Result<Email, Refusal> {
    Email::parse(value.as_str().unwrap_or_default()).map_err(|_| Refusal::InvalidEmail)
}
