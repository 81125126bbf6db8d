//! What other services ask of identity-svc.

use auth_types::{SessionId, UserId};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};
use uuid::Uuid;

use crate::{bus::Call, user::UserSnapshot};

/// `identity.v1.user.get`: a user as they are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GetUser {
    pub user_id: UserId,
}

impl Call for GetUser {
    const SUBJECT: &'static str = "identity.v1.user.get";
    type Reply = Option<UserSnapshot>;
}

/// `identity.v1.password.verify`: is this the user's password? No for who has none.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct VerifyPassword {
    pub user_id: UserId,
    #[serde(serialize_with = "exposed")]
    pub password: SecretString,
}

impl Call for VerifyPassword {
    const SUBJECT: &'static str = "identity.v1.password.verify";
    type Reply = bool;
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// `identity.v1.two-factor.set`: the user's second factor is another one than before.
/// Sessions other than `kept` end.
///
/// May be asked again and late: changes are ordered by their ids (UUID version 7), and
/// one that is not newer than the last changes nothing. It is unavailable for as long as
/// the sessions do not show the change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetTwoFactor {
    pub change: Uuid,
    pub user_id: UserId,
    /// Whether sign-ins are to ask for it.
    pub enabled: bool,
    /// The session in which the user made the change.
    pub kept: SessionId,
}

/// The user as they are now; nothing when they are gone.
impl Call for SetTwoFactor {
    const SUBJECT: &'static str = "identity.v1.two-factor.set";
    type Reply = Option<UserSnapshot>;
}
