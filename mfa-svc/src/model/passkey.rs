//! A user's passkeys.

use auth_types::{Timestamp, UserId, random};
use base64::{Engine, prelude::BASE64_STANDARD};
use rand::CryptoRng;
use serde::Serialize;
use service_kit::fields::Fields;
use utoipa::ToSchema;

use crate::model::webauthn::{
    credential_name,
    relying_party::{KnownCredential, NewCredential},
    user_handle::UserHandle,
};

/// Passkeys of one user, at most. All of them are named when a new one is made.
pub const MAX: i64 = 50;
/// Longest name, in characters.
pub const NAME_MAX_CHARS: usize = 100;

#[derive(Debug, Clone)]
pub struct Passkey {
    pub id: String,
    pub user_id: UserId,
    pub name: Option<String>,
    pub credential_id: Vec<u8>,
    pub public_key: Vec<u8>,
    pub counter: i64,
    pub multi_device: bool,
    pub backed_up: bool,
    pub transports: Option<String>,
    pub aaguid: Option<String>,
    pub user_handle: Option<Vec<u8>>,
    pub created_at: Option<Timestamp>,
}

/// The passkey object of the protocol (contract 1.7).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Passkey)]
pub struct PasskeyView {
    id: String,
    #[schema(required)]
    name: Option<String>,
    /// The `COSE_Key`, in base64.
    public_key: String,
    user_id: String,
    /// Base64url without padding.
    #[serde(rename = "credentialID")]
    credential_id: String,
    counter: i64,
    device_type: DeviceType,
    backed_up: bool,
    /// Words with commas between them.
    #[schema(required)]
    transports: Option<String>,
    #[schema(required, value_type = Option<String>, format = "date-time")]
    created_at: Option<Timestamp>,
    #[schema(required)]
    aaguid: Option<String>,
}

#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum DeviceType {
    SingleDevice,
    MultiDevice,
}

impl Passkey {
    /// A credential that has just been registered.
    pub fn new(
        owner: &UserId,
        name: Option<String>,
        new: NewCredential,
        now: Timestamp,
        rng: &mut impl CryptoRng,
    ) -> Self {
        Self {
            id: random::text(rng, random::ALPHANUMERIC, 32),
            user_id: owner.clone(),
            name,
            credential_id: new.id,
            public_key: new.public_key,
            counter: new.counter.into(),
            multi_device: new.multi_device,
            backed_up: new.backed_up,
            transports: Some(new.transports.join(",")),
            aaguid: Some(new.aaguid.to_string()),
            user_handle: Some(UserHandle::of(owner).as_bytes().to_vec()),
            created_at: Some(now),
        }
    }

    #[must_use]
    pub fn view(&self) -> PasskeyView {
        PasskeyView {
            id: self.id.clone(),
            name: self.name.clone(),
            public_key: BASE64_STANDARD.encode(&self.public_key),
            user_id: self.user_id.to_string(),
            credential_id: credential_name(&self.credential_id),
            counter: self.counter,
            device_type: if self.multi_device {
                DeviceType::MultiDevice
            } else {
                DeviceType::SingleDevice
            },
            backed_up: self.backed_up,
            transports: self.transports.clone(),
            created_at: self.created_at,
            aaguid: self.aaguid.clone(),
        }
    }

    #[must_use]
    pub fn known(&self) -> KnownCredential {
        KnownCredential {
            id: self.credential_id.clone(),
            public_key: self.public_key.clone(),
            multi_device: self.multi_device,
            user_handle: self.user_handle.clone(),
        }
    }

    /// Words for the browser; none where it was not told any.
    #[must_use]
    pub fn transport_words(&self) -> Option<Vec<String>> {
        let words = self.transports.as_deref()?.split(',').filter(|word| !word.is_empty());
        let words: Vec<_> = words.map(str::to_owned).collect();
        (!words.is_empty()).then_some(words)
    }
}

/// Reads a name that need not be there: without white space around it, and no name where
/// nothing is left.
pub fn optional_name(fields: &Fields, field: &str) -> Option<Option<String>> {
    let name = fields.optional_string(field)?.map(|name| name.trim().to_owned());
    let name = name.filter(|name| !name.is_empty());
    name.map_or(Some(None), |name| checked(fields, field, name).map(Some))
}

/// Reads a name that must be one.
pub fn name(fields: &Fields, field: &str) -> Option<String> {
    let name = fields.string(field)?.trim().to_owned();
    if name.is_empty() {
        fields.note(field, "Too small: expected string to have >=1 characters");
        return None;
    }
    checked(fields, field, name)
}

fn checked(fields: &Fields, field: &str, name: String) -> Option<String> {
    if name.chars().count() <= NAME_MAX_CHARS {
        return Some(name);
    }
    fields.note(field, &format!("Too big: expected string to have <={NAME_MAX_CHARS} characters"));
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_name_is_trimmed_and_not_endless() {
        let read = |body| {
            let fields = Fields::of(Some(body)).expect("an object");
            (optional_name(&fields, "name"), fields.finish().map_err(|wrong| wrong.to_string()))
        };
        assert_eq!(read(json!({})), (Some(None), Ok(())));
        assert_eq!(read(json!({ "name": "  " })), (Some(None), Ok(())));
        assert_eq!(read(json!({ "name": " My key " })), (Some(Some("My key".into())), Ok(())));
        assert_eq!(read(json!({ "name": "é".repeat(100) })).1, Ok(()));
        for wrong in
            [json!({ "name": "é".repeat(101) }), json!({ "name": null }), json!({ "name": "a\0" })]
        {
            assert!(read(wrong.clone()).1.is_err(), "{wrong}");
        }
        let fields = Fields::of(Some(json!({ "name": " " }))).expect("an object");
        assert_eq!(name(&fields, "name"), None);
        assert_eq!(
            fields.finish().unwrap_err().to_string(),
            "[body.name] Too small: expected string to have >=1 characters"
        );
    }
}
