//! Events: what has happened, told to whoever wants to know.
//!
//! Nobody here waits for one or depends on one. They are published at least once, from the
//! outbox; whoever wants to keep them has JetStream keep the subjects `event.v1.>`, which
//! knows an event by its message id.

use auth_types::UserId;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A user has another passkey, or one less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PasskeyEvent {
    /// The message's id, too.
    pub id: Uuid,
    pub user_id: UserId,
    pub passkey_id: String,
}

pub const PASSKEY_ADDED: &str = "event.v1.passkey.added";
pub const PASSKEY_REMOVED: &str = "event.v1.passkey.removed";
