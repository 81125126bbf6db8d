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
    /// Lets them choose a new password.
    ResetPassword { name: String, url: String },
    /// Their password is another one now.
    PasswordChanged { name: String },
    /// To the address they have: do they want another?
    ChangeEmailConfirm { name: String, new_email: String, url: String },
    /// To the address they want: is it theirs?
    ChangeEmailVerify { name: String, url: String },
    /// To the address they had: it is not theirs here any more.
    EmailChanged { name: String, new_email: String },
    /// Do they want to be deleted?
    DeleteAccount { name: String, url: String },
    /// The second factor of a sign-in.
    TwoFactorCode { name: String, code: String },
    /// Their second factor is another one now.
    TwoFactorChanged { name: String, change: FactorChange },
    /// They have another passkey, or one less.
    PasskeyChanged { name: String, passkey: String, change: PasskeyChange },
}

/// What became of a second factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorChange {
    /// Sign-ins ask for a code from an authenticator app.
    TotpEnabled,
    /// Sign-ins ask for a code sent by mail.
    EmailCodesEnabled,
    Disabled,
    BackupCodesReplaced,
}

/// What became of a passkey.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PasskeyChange {
    Added,
    Removed,
}

impl PasskeyChange {
    /// As a template asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
        }
    }
}

impl FactorChange {
    /// As a template asks for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::TotpEnabled => "totp-enabled",
            Self::EmailCodesEnabled => "email-codes-enabled",
            Self::Disabled => "disabled",
            Self::BackupCodesReplaced => "backup-codes-replaced",
        }
    }
}

impl Template {
    /// The name, as in `templates/NAME.html`.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::VerifyEmail { .. } => "verify-email",
            Self::PasswordRecovered { .. } => "password-recovered",
            Self::ResetPassword { .. } => "reset-password",
            Self::PasswordChanged { .. } => "password-changed",
            Self::ChangeEmailConfirm { .. } => "change-email-confirm",
            Self::ChangeEmailVerify { .. } => "change-email-verify",
            Self::EmailChanged { .. } => "email-changed",
            Self::DeleteAccount { .. } => "delete-account",
            Self::TwoFactorCode { .. } => "two-factor-code",
            Self::TwoFactorChanged { .. } => "two-factor-changed",
            Self::PasskeyChanged { .. } => "passkey-changed",
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

/// Receipts for mfa-svc's mails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MfaReceipt(pub Receipt);

impl Call for MfaReceipt {
    const SUBJECT: &'static str = "mfa.v1.mail-receipt";
    type Reply = ();
}
