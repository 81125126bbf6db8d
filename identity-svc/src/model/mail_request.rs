//! What somebody asks us to write to an address.
//!
//! Whether there is anything to write depends on who has the address, and whoever
//! asks must not learn that. So a request is only noted while they wait, whatever
//! the address; it is looked into afterwards, when nobody watches the clock.

use auth_types::{Email, UserId};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum MailRequest {
    /// They have forgotten their password, or say so.
    ResetPassword { email: Email, redirect: Option<String> },
    /// They want the link once more that proves their address.
    VerifyEmail { email: Email, callback: Option<String> },
    /// A user wants another address than `email`, which nobody may have yet.
    ChangeEmail { user_id: UserId, email: Email, new_email: Email, callback: Option<String> },
}

impl MailRequest {
    /// What the outbox calls it. It is for us alone.
    pub const SUBJECT: &str = "identity.v1.mail-requested";
}
