//! Sessions: what a client sees of one, and what is asked of session-svc.

use std::time::Duration;

use auth_types::{SessionId, SessionToken, Timestamp, TokenDigest, UserId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    bus::Call,
    user::{User, UserSnapshot},
};

/// Life of a session from its creation or its last extension (contract 3.1).
pub const LIFETIME: Duration = Duration::from_hours(7 * 24);
/// Life of a session that the user asked not to be remembered.
pub const SHORT_LIFETIME: Duration = Duration::from_hours(24);
/// Life of a session in which an admin acts as somebody else.
pub const IMPERSONATION_LIFETIME: Duration = Duration::from_hours(1);
/// A session is extended once this much of its life is spent.
pub const UPDATE_AGE: Duration = Duration::from_hours(24);
/// A session younger than this may do what asks for a recent sign-in.
pub const FRESH_AGE: Duration = Duration::from_hours(24);

/// What is known of a session, but for its token, which only the client has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    pub expires_at: Timestamp,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// Empty when not known.
    pub ip_address: String,
    /// Empty when the client sent none.
    pub user_agent: String,
    pub user_id: UserId,
    pub impersonated_by: Option<UserId>,
    pub id: SessionId,
    /// Decided at creation and kept on the server: a client that drops its
    /// `dont_remember` cookie gains nothing (contract 3.3).
    pub extendable: bool,
}

impl Session {
    /// A session is over at its expiry.
    #[must_use]
    pub fn is_over(&self, now: Timestamp) -> bool {
        now >= self.expires_at
    }

    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.created_at) < FRESH_AGE
    }

    /// Whether enough of its life is spent to extend it (contract 3.3, step 4).
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        self.extendable && self.expires_at - LIFETIME + UPDATE_AGE <= now
    }

    /// What the client gets to see. `token` is the session's token towards its
    /// own client, and its id in any list of sessions.
    #[must_use]
    pub fn view<'a>(&'a self, token: &'a str) -> SessionView<'a> {
        SessionView {
            expires_at: self.expires_at,
            token,
            created_at: self.created_at,
            updated_at: self.updated_at,
            ip_address: &self.ip_address,
            user_agent: &self.user_agent,
            user_id: &self.user_id,
            impersonated_by: self.impersonated_by.as_ref(),
            id: &self.id,
        }
    }
}

/// The session object of the protocol (contract 1.7).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Session)]
pub struct SessionView<'a> {
    #[schema(value_type = String, format = "date-time")]
    pub expires_at: Timestamp,
    /// The caller's own token for their own session; its id for any other.
    pub token: &'a str,
    #[schema(value_type = String, format = "date-time")]
    pub created_at: Timestamp,
    #[schema(value_type = String, format = "date-time")]
    pub updated_at: Timestamp,
    /// Empty when not known.
    pub ip_address: &'a str,
    /// Empty when the client sent none.
    pub user_agent: &'a str,
    #[schema(value_type = String)]
    pub user_id: &'a UserId,
    #[schema(required, value_type = Option<String>)]
    pub impersonated_by: Option<&'a UserId>,
    #[schema(value_type = String)]
    pub id: &'a SessionId,
}

/// A session that stands, with the user it belongs to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveSession {
    pub session: Session,
    pub user: User,
    pub version: Version,
}

/// Which state of a session and its user this is. Both only grow, and a state
/// read after a change holds at least that change, so states are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Version {
    pub session: i64,
    pub user: i64,
}

/// Where a request came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientInfo {
    pub ip_address: String,
    pub user_agent: String,
}

/// How someone proved who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// They have just chosen the password of a new account.
    SignUp,
    /// They gave the right password, and no second factor is owed.
    Password,
    /// The right password, in a browser that the second factor has been given in.
    PasswordOnTrustedDevice,
    /// The right password, and a code from their authenticator app.
    PasswordAndTotp,
    /// The right password, and a code sent to their address.
    PasswordAndEmailCode,
    /// The right password, and one of their backup codes.
    PasswordAndBackupCode,
    /// A passkey whose authenticator has verified who holds it, by a PIN or a finger.
    PasskeyWithUserVerification,
    /// A passkey whose authenticator has seen somebody and no more.
    Passkey,
    /// Such a passkey, in a browser that the second factor has been given in.
    PasskeyOnTrustedDevice,
    /// Such a passkey, and a code from their authenticator app.
    PasskeyAndTotp,
    /// Such a passkey, and a code sent to their address.
    PasskeyAndEmailCode,
    /// Such a passkey, and one of their backup codes.
    PasskeyAndBackupCode,
    /// A fresh session of their own, in which they have just registered a passkey.
    PasskeyRegistration,
    /// A social provider says who they are, and no second factor is owed.
    Social,
    /// The same, of a provider that asks for a second factor itself; the operator says so.
    SocialWithSecondFactor,
    /// A social provider's word, in a browser that the second factor has been given in.
    SocialOnTrustedDevice,
    /// A social provider's word, and a code from their authenticator app.
    SocialAndTotp,
    /// A social provider's word, and a code sent to their address.
    SocialAndEmailCode,
    /// A social provider's word, and one of their backup codes.
    SocialAndBackupCode,
}

impl Proof {
    /// The one decision whether a second factor is still owed: what is one factor is not
    /// enough for a user who has a second. Asked before a session is asked for, and once
    /// more where it begins.
    #[must_use]
    pub fn suffices_for(self, user: &User) -> bool {
        match self {
            Self::Password | Self::Passkey | Self::SignUp | Self::Social => {
                !user.two_factor_enabled
            }
            Self::PasswordOnTrustedDevice
            | Self::PasswordAndTotp
            | Self::PasswordAndEmailCode
            | Self::PasswordAndBackupCode
            | Self::PasskeyWithUserVerification
            | Self::PasskeyOnTrustedDevice
            | Self::PasskeyAndTotp
            | Self::PasskeyAndEmailCode
            | Self::PasskeyAndBackupCode
            | Self::PasskeyRegistration
            | Self::SocialWithSecondFactor
            | Self::SocialOnTrustedDevice
            | Self::SocialAndTotp
            | Self::SocialAndEmailCode
            | Self::SocialAndBackupCode => true,
        }
    }
}

/// How long a session is to live.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Lifetime {
    /// Seven days, extended with use.
    Standard,
    /// One day, never extended: `rememberMe` was false.
    Short,
}

/// `session.v1.create`: opens a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CreateSession {
    /// The user as they were when the proof was judged. If they have changed
    /// since in a way that ends sessions, no session opens.
    pub user: UserSnapshot,
    pub proof: Proof,
    pub lifetime: Lifetime,
    pub client: ClientInfo,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SessionOpened {
    pub token: SessionToken,
    pub session: Session,
}

impl Call for CreateSession {
    const SUBJECT: &'static str = "session.v1.create";
    type Reply = SessionOpened;
}

/// `session.v1.impersonate`: opens a session in which an admin acts as a user. It
/// is for session-svc to see whether the admin may, because it alone knows what
/// their session is worth now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impersonate {
    /// Whom they want to act as.
    pub user: UserSnapshot,
    /// The admin's own session. When it ends, so does the new one.
    pub from: TokenDigest,
    pub client: ClientInfo,
}

impl Call for Impersonate {
    const SUBJECT: &'static str = "session.v1.impersonate";
    type Reply = SessionOpened;
}

/// `session.v1.rotate`: a new session takes the place of one that stands, at the
/// same instant. It is of the same device and on whoever's behalf the old one was;
/// its life begins anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotateSession {
    /// The user after the change that asks for it.
    pub user: UserSnapshot,
    pub from: TokenDigest,
}

/// Refused with [`Unauthorized`](crate::Refusal::Unauthorized) where the old one has ended.
impl Call for RotateSession {
    const SUBJECT: &'static str = "session.v1.rotate";
    type Reply = SessionOpened;
}

/// `session.v1.resolve`: reads a session from the truth and renews its copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveSession {
    pub digest: TokenDigest,
}

impl Call for ResolveSession {
    const SUBJECT: &'static str = "session.v1.resolve";
    type Reply = Option<LiveSession>;
}

/// `session.v1.refresh`: extends a session that is due. Nothing comes back when
/// it is gone; what stands comes back when somebody else extended it first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefreshSession {
    pub digest: TokenDigest,
}

impl Call for RefreshSession {
    const SUBJECT: &'static str = "session.v1.refresh";
    type Reply = Option<LiveSession>;
}

/// `session.v1.user-changed`: the snapshot of every session of this user is
/// replaced before the reply is sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserChanged {
    pub user: UserSnapshot,
}

impl Call for UserChanged {
    const SUBJECT: &'static str = "session.v1.user-changed";
    type Reply = ();
}

/// `session.v1.revoke-user`: ends all sessions of a user, also those that are
/// being opened on the word of an older version of the user.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeUser {
    pub user: UserSnapshot,
    pub reason: RevokeReason,
    /// The one session that stays, where the user has just proved in it who they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<SessionId>,
}

impl Call for RevokeUser {
    const SUBJECT: &'static str = "session.v1.revoke-user";
    type Reply = ();
}

/// `session.v1.revoke`: ends one session, if it has not ended yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokeSession {
    pub digest: TokenDigest,
}

impl Call for RevokeSession {
    const SUBJECT: &'static str = "session.v1.revoke";
    type Reply = ();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    PasswordReset,
    PasswordChanged,
    /// They deleted their account.
    UserDeleted,
    /// An admin chose a new password for them.
    PasswordSet,
    /// An admin turned their second factor off.
    SecondFactorRemoved,
    /// They have another second factor than before, or none any more.
    SecondFactorChanged,
    Banned,
    UserRemoved,
    /// Somebody has proved an address that nobody had proved before. Whatever was set up
    /// until then may be a squatter's.
    MailboxProved,
}

/// `session.v1.revoked`: said to every gateway when sessions have ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsRevoked {
    pub digests: Vec<TokenDigest>,
}

impl SessionsRevoked {
    pub const SUBJECT: &'static str = "session.v1.revoked";
}
