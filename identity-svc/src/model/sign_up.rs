//! A new user, and the likeness of one.

use auth_types::{Email, Roles, Timestamp, UserId};
use contract::user::User;
use rand::CryptoRng;
use service_kit::fields::Fields;

/// Fields nobody may give themselves. Others that are not theirs to set are
/// ignored (contract 4.1).
const FORBIDDEN: [&str; 3] = ["role", "banReason", "banExpires"];

/// What somebody who signs up says of themselves.
#[derive(Debug, Clone)]
pub struct Profile {
    pub name: String,
    pub email: Email,
    pub image: Option<String>,
}

/// The field that the body sets and must not, if there is one.
#[must_use]
pub fn forbidden_field(fields: &Fields) -> Option<&'static str> {
    FORBIDDEN.into_iter().find(|name| fields.is_truthy(name))
}

impl Profile {
    /// The user this becomes. It is also what somebody gets to see who signs up
    /// with an address that is taken, where that must not be told: nothing is
    /// stored then, and the answer is the same to the last field.
    #[must_use]
    pub fn into_user(self, now: Timestamp, rng: &mut impl CryptoRng) -> User {
        User {
            name: self.name,
            email: self.email,
            email_verified: false,
            image: self.image,
            created_at: now,
            updated_at: now,
            role: Roles::user(),
            banned: false,
            ban_reason: None,
            ban_expires: None,
            two_factor_enabled: false,
            id: UserId::mint(rng),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn forbidden(body: Value) -> Option<&'static str> {
        forbidden_field(&Fields::of(Some(body)).expect("an object"))
    }

    #[test]
    fn a_role_can_not_be_chosen() {
        assert_eq!(forbidden(json!({ "role": "admin" })), Some("role"));
        assert_eq!(forbidden(json!({ "banReason": "x" })), Some("banReason"));
        assert_eq!(forbidden(json!({ "role": "", "banned": true, "id": "x" })), None);
    }
}
