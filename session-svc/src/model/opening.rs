//! How a session begins.

use std::time::Duration;

use auth_types::{SessionId, SessionToken, Timestamp};
use contract::{
    Refusal,
    session::{ClientInfo, LIFETIME, Lifetime, SHORT_LIFETIME, Session},
    user::UserSnapshot,
};
use rand::CryptoRng;

/// What session-svc knows of a user when a session is asked for.
#[derive(Debug, Clone)]
pub struct KnownUser {
    pub snapshot: UserSnapshot,
    /// Older versions of the user no longer open sessions: something has ended
    /// their sessions since, such as a reset of the password.
    pub opens_from_version: i64,
}

/// Judges whether a user whose proof was judged at version `proven_at` may have a
/// session now.
pub fn check(known: &KnownUser, proven_at: i64, now: Timestamp) -> Result<(), Refusal> {
    if proven_at < known.opens_from_version {
        return Err(Refusal::FailedToCreateSession);
    }
    if known.snapshot.user.is_banned(now) {
        return Err(Refusal::BannedUser);
    }
    Ok(())
}

/// A new session and its token.
pub fn open(
    user: &UserSnapshot,
    lifetime: Lifetime,
    client: ClientInfo,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> (SessionToken, Session) {
    let session = Session {
        expires_at: now + duration(lifetime),
        created_at: now,
        updated_at: now,
        ip_address: client.ip_address,
        user_agent: client.user_agent,
        user_id: user.user.id.clone(),
        impersonated_by: None,
        id: SessionId::mint(rng),
        extendable: lifetime == Lifetime::Standard,
    };
    (SessionToken::generate(rng), session)
}

fn duration(lifetime: Lifetime) -> Duration {
    match lifetime {
        Lifetime::Standard => LIFETIME,
        Lifetime::Short => SHORT_LIFETIME,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contract::session::UPDATE_AGE;

    fn snapshot() -> UserSnapshot {
        let golden = include_str!("../../../crates/contract/golden/session.v1.user-changed.json");
        let changed: contract::session::UserChanged = serde_json::from_str(golden).expect("golden");
        changed.user
    }

    fn known(change: impl FnOnce(&mut KnownUser)) -> KnownUser {
        let mut known = KnownUser { snapshot: snapshot(), opens_from_version: 0 };
        change(&mut known);
        known
    }

    fn now() -> Timestamp {
        snapshot().user.created_at
    }

    fn opened(lifetime: Lifetime) -> Session {
        let client = ClientInfo { ip_address: String::new(), user_agent: String::new() };
        open(&snapshot(), lifetime, client, now(), &mut rand::rng()).1
    }

    #[test]
    fn a_proof_from_before_a_reset_opens_nothing() {
        let reset = known(|known| known.opens_from_version = 8);
        assert_eq!(check(&reset, 7, now()), Err(Refusal::FailedToCreateSession));
        assert_eq!(check(&reset, 8, now()), Ok(()));
    }

    #[test]
    fn a_banned_user_gets_no_session_until_the_ban_is_over() {
        let banned = known(|known| {
            known.snapshot.user.banned = true;
            known.snapshot.user.ban_expires = Some(now() + Duration::from_secs(1));
        });
        assert_eq!(check(&banned, 7, now()), Err(Refusal::BannedUser));
        assert_eq!(check(&banned, 7, now() + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_session_of_one_day_is_never_due() {
        let short = opened(Lifetime::Short);
        assert!(!short.is_due(short.expires_at));
        assert_eq!(short.expires_at, now() + SHORT_LIFETIME);
    }

    #[test]
    fn a_session_is_due_after_a_day_and_over_after_seven() {
        let session = opened(Lifetime::Standard);
        let due = now() + UPDATE_AGE;
        assert!(!session.is_due(due - Duration::from_millis(1)) && session.is_due(due));
        assert!(!session.is_over(now() + UPDATE_AGE) && session.is_over(now() + LIFETIME));
    }
}
