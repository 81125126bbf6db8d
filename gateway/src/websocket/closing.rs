//! Why a WebSocket came to its end, and what its two sides are told of it.

use prometheus_client::encoding::{EncodeLabelValue, LabelValueEncoder};
use tungstenite::protocol::frame::coding::CloseCode;

use super::frames::Violation;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The client closed it, or went away.
    ByClient,
    /// The upstream closed it, or went away.
    ByUpstream,
    /// The session was revoked, or is over.
    SessionEnded,
    /// Whether the session stands could not be found out in time.
    SessionUnknown,
    /// The user is not what the upstream was told any more.
    UserChanged,
    /// This gateway stops.
    Restart,
    /// Not even a ping was answered.
    Silence,
    ClientViolation(Violation),
    UpstreamViolation(Violation),
}

impl Closing {
    /// Code and reason for the client (RFC 6455, section 7.4). After 1012 and 1013 it
    /// should come again, after 1008 it would be refused.
    #[must_use]
    pub fn for_client(self) -> (CloseCode, &'static str) {
        match self {
            Self::ByClient => (CloseCode::Normal, ""),
            Self::ByUpstream => (CloseCode::Again, "the upstream went away"),
            Self::SessionEnded => (CloseCode::Policy, "the session has ended"),
            Self::SessionUnknown => (CloseCode::Again, "the session could not be confirmed"),
            Self::UserChanged => (CloseCode::Restart, "the user has changed"),
            Self::Restart => (CloseCode::Restart, "the gateway restarts"),
            Self::Silence => (CloseCode::Away, "no answer to a ping"),
            Self::ClientViolation(Violation::Protocol) => (CloseCode::Protocol, "protocol error"),
            Self::ClientViolation(Violation::TooLarge) => {
                (CloseCode::Size, "the message is too large")
            }
            Self::UpstreamViolation(_) => (CloseCode::Error, "the upstream failed"),
        }
    }

    #[must_use]
    pub fn for_upstream(self) -> (CloseCode, &'static str) {
        match self {
            Self::UpstreamViolation(Violation::Protocol) => (CloseCode::Protocol, ""),
            Self::UpstreamViolation(Violation::TooLarge) => (CloseCode::Size, ""),
            _ => (CloseCode::Away, ""),
        }
    }

    /// Whether what the client has sent last may still reach the upstream.
    #[must_use]
    pub fn delivers(self) -> bool {
        !matches!(self, Self::SessionEnded | Self::SessionUnknown | Self::UserChanged)
    }

    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::ByClient => "client",
            Self::ByUpstream => "upstream",
            Self::SessionEnded => "session_ended",
            Self::SessionUnknown => "session_unknown",
            Self::UserChanged => "user_changed",
            Self::Restart => "restart",
            Self::Silence => "silence",
            Self::ClientViolation(Violation::Protocol) => "client_protocol",
            Self::ClientViolation(Violation::TooLarge) => "client_size",
            Self::UpstreamViolation(_) => "upstream_violation",
        }
    }
}

impl EncodeLabelValue for Closing {
    fn encode(&self, encoder: &mut LabelValueEncoder) -> Result<(), std::fmt::Error> {
        EncodeLabelValue::encode(&self.label(), encoder)
    }
}
