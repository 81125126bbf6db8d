//! Mails: what is promised, what mailer-svc does with it, and the receipt.
//!
//! The owner of a promise writes it to its outbox and hands it to JetStream as
//! often as it takes. JetStream's acknowledgement does not close the promise,
//! because JetStream may forget on power loss; the receipt does.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::bus::Call;

/// The work queue: a JetStream stream of this name over [`SUBJECT`].
pub const STREAM: &str = "MAIL";
pub const SUBJECT: &str = "mail.v1.send";
/// Mails that no server will ever take, with the reason.
pub const DEAD_SUBJECT: &str = "mail.v1.dead";
/// JetStream stream that keeps [`DEAD_SUBJECT`].
pub const DEAD_STREAM: &str = "MAIL_DEAD";

/// One mail to send. `id` is the outbox row's: JetStream drops what it has
/// already seen, mailer-svc sends an id once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    pub id: Uuid,
    pub to: String,
    /// Where the receipt goes: a [`Receipt`] is requested on this subject.
    pub receipt_subject: String,
    #[serde(flatten)]
    pub template: Template,
}

/// A template's name and its data, never rendered text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "template", content = "data", rename_all = "kebab-case")]
pub enum Template {
    /// Proves that the address is theirs.
    VerifyEmail { name: String, url: String },
    /// Their password was set by somebody who holds the recovery key.
    PasswordRecovered { name: String },
}

impl Template {
    /// The name, as in `templates/NAME.html`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify-email",
            Self::PasswordRecovered { .. } => "password-recovered",
        }
    }
}

/// What became of a mail. The reply closes the matter for mailer-svc as well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    pub id: Uuid,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server took it.
    Sent,
    /// It can never be delivered; it lies under [`DEAD_SUBJECT`].
    Dead,
}

/// Receipts for identity-svc's mails.
impl Call for Receipt {
    const SUBJECT: &'static str = "identity.v1.mail-receipt";
    type Reply = ();
}
