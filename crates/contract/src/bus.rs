//! Requests between services over NATS.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::Refusal;

/// Something one service asks of another. The subject carries the version.
pub trait Call: Serialize + DeserializeOwned + Send + Sync {
    const SUBJECT: &'static str;
    type Reply: Serialize + DeserializeOwned + Send + Sync;
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "value", rename_all = "snake_case")]
pub enum Answer<T> {
    Done(T),
    /// The contract refuses it; asking again will not help.
    Refused(Refusal),
    /// Something broke or is away; asking again may help.
    Unavailable,
}

/// Milliseconds the caller will still wait. Work past that is not begun.
pub const DEADLINE_HEADER: &str = "Deadline-Ms";
/// The request this belongs to, as in the logs.
pub const REQUEST_ID_HEADER: &str = "X-Request-Id";
