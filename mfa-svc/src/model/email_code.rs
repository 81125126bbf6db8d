//! Codes sent by mail.

use std::time::Duration;

use auth_types::random;
use contract::user::User;
use rand::CryptoRng;

/// How long a code is good.
pub const LIFETIME: Duration = Duration::from_mins(3);
/// Codes sent to one user at most, whoever asks for them, within [`MAIL_WINDOW`].
pub const MAILS_MAX: i32 = 5;
pub const MAIL_WINDOW: Duration = Duration::from_mins(10);

pub fn generate(rng: &mut impl CryptoRng) -> String {
    random::text(rng, random::DIGITS, 6)
}

/// Whether a code may be sent to the user's address. Where addresses are verified, one
/// that is not might be anybody's.
#[must_use]
pub fn may_be_sent(user: &User, verification_required: bool) -> bool {
    user.email_verified || !verification_required
}
