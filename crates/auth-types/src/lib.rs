//! The words every part of the system shares: ids, tokens, addresses, time.
//!
//! No I/O happens here, so that a rule can be tested by calling it.

pub mod clock;
pub mod email;
pub mod factor_token;
pub mod ids;
pub mod random;
pub mod role;
pub mod timestamp;
pub mod token;

pub use clock::{Clock, SystemClock};
pub use email::Email;
pub use factor_token::{CeremonyToken, ChallengeToken, DeviceToken, StateToken};
pub use ids::{AccountId, SessionId, UserId};
pub use role::Roles;
pub use timestamp::Timestamp;
pub use token::{SessionToken, TokenDigest};
