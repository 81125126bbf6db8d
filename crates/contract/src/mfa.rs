//! What is asked of mfa-svc.

use auth_types::{ChallengeToken, DeviceToken, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    bus::Call,
    session::{ClientInfo, Lifetime},
    user::UserSnapshot,
};

/// `mfa.v1.gate`: may this sign-in, whose first proof was right, go on without a
/// second factor? Asked for users whose `twoFactorEnabled` is set.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Gate {
    /// The user as they were when the first proof was judged.
    pub user: UserSnapshot,
    /// What they have proved themselves with so far.
    #[serde(default, skip_serializing_if = "FirstProof::is_password")]
    pub first: FirstProof,
    /// The trusted device that the browser claims to be.
    pub device: Option<DeviceToken>,
    /// How long the session is to live, once it may begin.
    pub lifetime: Lifetime,
    pub client: ClientInfo,
}

/// What a sign-in begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirstProof {
    #[default]
    Password,
    /// A social provider says who they are.
    Social,
}

impl FirstProof {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde wants it")]
    fn is_password(&self) -> bool {
        *self == Self::Password
    }
}

/// `Unavailable` instead of an answer means no: the factor may be owed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GateAnswer {
    /// The device is trusted. What it claimed is used up; this takes its place.
    DeviceTrusted {
        device: DeviceToken,
    },
    FactorOwed(FactorOwed),
}

/// A sign-in that has come half way. It is no session, and cannot become one but by
/// a second factor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FactorOwed {
    pub challenge: ChallengeToken,
    pub methods: Vec<Method>,
}

/// A second factor that the client may offer. Backup codes are not among them
/// (contract 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    Totp,
    Otp,
}

/// What a client is told when one factor was right and a second is owed (contract 6.3).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct FactorAsked {
    two_factor_redirect: bool,
    two_factor_methods: Vec<Method>,
}

impl FactorAsked {
    #[must_use]
    pub fn by(methods: Vec<Method>) -> Self {
        Self { two_factor_redirect: true, two_factor_methods: methods }
    }
}

impl Call for Gate {
    const SUBJECT: &'static str = "mfa.v1.gate";
    type Reply = GateAnswer;
}

/// `mfa.v1.user.forget-devices`: no browser of this user is trusted any more, and no
/// sign-in of theirs is half way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForgetDevices {
    pub user_id: UserId,
    pub reason: ForgetReason,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForgetReason {
    /// Wrong guesses count no more either: whoever guessed knew the old one.
    NewPassword,
    SignedOutEverywhere,
    Banned,
}

impl Call for ForgetDevices {
    const SUBJECT: &'static str = "mfa.v1.user.forget-devices";
    type Reply = ();
}

/// `mfa.v1.user.delete`: everything that is kept of a user goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeleteUser {
    pub user_id: UserId,
}

/// `mfa.v1.user.remove-factors`: an admin has turned the user's second factor off. The
/// app, its backup codes and what was granted under them go; passkeys stay, for they are
/// ways to sign in by themselves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RemoveFactors {
    pub user_id: UserId,
}

impl Call for RemoveFactors {
    const SUBJECT: &'static str = "mfa.v1.user.remove-factors";
    type Reply = ();
}

impl Call for DeleteUser {
    const SUBJECT: &'static str = "mfa.v1.user.delete";
    type Reply = ();
}
