//! What a test wishes for. It travels in the code and in the tokens.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Wish {
    /// Merged over the documented profile, or claims (RFC 7396: `null` removes).
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) person: Value,
    /// GitHub's list of addresses, in the place of the documented one.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) emails: Value,
    /// Merged over the documented token answer.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub(crate) token: Value,
    /// What goes wrong, by the last part of a path.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) wrong: BTreeMap<String, Wrong>,
    /// The user says no.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) denied: bool,
    /// How an id token is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) signing: Option<Signing>,
    /// Added to the query on the way back.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) back: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Wrong {
    /// This status, without a body that helps.
    Status(u16),
    /// A redirect to this address.
    Redirect(String),
    /// No answer, ever.
    Silent,
    /// The connection breaks in the middle.
    Broken,
    /// More than anybody wants to read.
    Oversized,
    /// This text, as if it were JSON.
    Text(String),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Signing {
    /// A key of this name, made when it is first asked for; it is published from then on.
    Key(String),
    /// A key that is published under no name.
    Foreign,
    /// RS256, by the key that is always there.
    Rsa,
    None,
    /// HMAC under this text.
    Hmac(String),
}

/// As text that goes into an address.
pub(crate) fn pack(value: &impl Serialize) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(value).unwrap_or_default())
}

pub(crate) fn unpack<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// RFC 7396.
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else { return };
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => drop(target.remove(name)),
            Value::Object(_) if target.get(name).is_some_and(Value::is_object) => {
                merge(&mut target[name], value);
            }
            value => drop(target.insert(name.clone(), value.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn null_removes_and_the_rest_is_set() {
        let mut value = json!({ "a": 1, "b": { "c": 2, "d": 3 } });
        merge(&mut value, &json!({ "a": null, "b": { "c": 4 }, "e": [5] }));
        assert_eq!(value, json!({ "b": { "c": 4, "d": 3 }, "e": [5] }));
    }
}
