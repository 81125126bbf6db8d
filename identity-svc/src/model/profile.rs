//! What users may change of themselves.

use contract::Refusal;
use serde_json::Value;
use service_kit::{Error, fields::Fields};

/// Fields that are not theirs to set (contract 4.14).
const FORBIDDEN: [&str; 5] = ["role", "banned", "banReason", "banExpires", "twoFactorEnabled"];

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    Keep,
    Remove,
    Set(String),
}

/// A change of a name, of an image, or of both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileChange {
    /// Stays as it is when there is none.
    pub name: Option<String>,
    pub image: Image,
}

impl ProfileChange {
    /// Reads the fields; other than for the original, their types count. What the
    /// rules say of them is for [`ProfileChange::check`], after the session.
    pub fn read(fields: &Fields) -> Option<Self> {
        let name = fields.optional_string("name");
        let image = match fields.raw("image") {
            None => Some(Image::Keep),
            Some(Value::Null) => Some(Image::Remove),
            Some(_) => fields.string("image").map(Image::Set),
        };
        Some(Self { name: name?, image: image? })
    }

    /// Refuses a change that changes nothing.
    pub fn check(&self) -> Result<(), Error> {
        let is_empty = self.name.is_none() && self.image == Image::Keep;
        if is_empty { Err(Error::Message("No fields to update".to_owned())) } else { Ok(()) }
    }
}

/// Why nobody may set what the body sets, if it does.
#[must_use]
pub fn forbidden(fields: &Fields) -> Option<Error> {
    if fields.is_truthy("email") {
        return Some(Refusal::EmailCanNotBeUpdated.into());
    }
    FORBIDDEN.into_iter().find(|name| fields.is_truthy(name)).map(Error::FieldNotAllowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fields(body: Value) -> Fields {
        Fields::of(Some(body)).expect("an object")
    }

    fn read(body: Value) -> Option<ProfileChange> {
        ProfileChange::read(&fields(body))
    }

    #[test]
    fn an_image_can_be_set_removed_or_left_alone() {
        let image = |body| read(body).map(|change| change.image);
        assert_eq!(image(json!({ "image": "x" })), Some(Image::Set("x".into())));
        assert_eq!(image(json!({ "image": null })), Some(Image::Remove));
        assert_eq!(image(json!({})), Some(Image::Keep));
        assert_eq!(image(json!({ "image": 1 })), None);
        assert_eq!(read(json!({ "name": null })), None);
        assert!(read(json!({ "id": "x" })).expect("reads").check().is_err());
        assert!(read(json!({ "name": "" })).expect("reads").check().is_ok());
    }

    #[test]
    fn nobody_changes_their_own_role() {
        assert!(matches!(
            forbidden(&fields(json!({ "role": "admin" }))),
            Some(Error::FieldNotAllowed("role"))
        ));
        assert!(matches!(
            forbidden(&fields(json!({ "banned": true }))),
            Some(Error::FieldNotAllowed("banned"))
        ));
        assert!(matches!(
            forbidden(&fields(json!({ "email": "a@b.co" }))),
            Some(Error::Refused(_))
        ));
        assert!(
            forbidden(&fields(
                json!({ "banned": false, "role": "", "id": "x", "emailVerified": true })
            ))
            .is_none()
        );
    }
}
