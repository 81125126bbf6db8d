//! How a session begins.

use std::time::Duration;

use auth_types::{SessionId, SessionToken, Timestamp, UserId};
use contract::{
    Refusal,
    permission::{Permission, check_impersonable},
    session::{
        ClientInfo, IMPERSONATION_LIFETIME, LIFETIME, Lifetime, LiveSession, Proof, SHORT_LIFETIME,
        Session,
    },
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

/// What a session was opened on.
#[derive(Debug, Clone, Copy)]
pub enum Ground<'a> {
    /// The user proved who they are.
    Proof(Proof),
    /// An admin wanted to act as the user, in this session of their own.
    Impersonation(&'a SessionId),
    /// The user proved something in this session, whose place it takes.
    Rotation(&'a SessionId),
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

/// Refuses a proof that leaves a second factor owed. Whoever asks has decided that already,
/// in the same words; here is the last place where it could be forgotten, and the one that
/// knows the newest of the user.
pub fn check_proof(known: &KnownUser, proof: Proof) -> Result<(), Refusal> {
    if proof.suffices_for(&known.snapshot.user) {
        Ok(())
    } else {
        Err(Refusal::FailedToCreateSession)
    }
}

/// Judges whether somebody may act as a user, from the session they are in. Nobody
/// does so while they already act as somebody (contract 5.5).
pub fn check_impersonation(
    from: &LiveSession,
    known: &KnownUser,
    now: Timestamp,
) -> Result<(), Refusal> {
    let may = Permission::Impersonate;
    if from.session.impersonated_by.is_some() || !may.is_held_by(&from.user.role) {
        return Err(may.refusal());
    }
    check_impersonable(&known.snapshot.user, now)
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

/// The session that takes the place of one of the user's own, with its token. Who acts
/// as somebody else gets none: their time would begin anew.
pub fn rotate(
    user: &UserSnapshot,
    old: Session,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> Result<(SessionToken, Session), Refusal> {
    if old.impersonated_by.is_some() {
        return Err(Refusal::NotWhileImpersonating);
    }
    let lifetime = if old.extendable { Lifetime::Standard } else { Lifetime::Short };
    let client = ClientInfo { ip_address: old.ip_address, user_agent: old.user_agent };
    Ok(open(user, lifetime, client, now, rng))
}

/// A new session in which `admin` acts as the user. It is never extended.
pub fn impersonate(
    user: &UserSnapshot,
    admin: UserId,
    client: ClientInfo,
    now: Timestamp,
    rng: &mut impl CryptoRng,
) -> (SessionToken, Session) {
    let (token, session) = open(user, Lifetime::Short, client, now, rng);
    let expires_at = now + IMPERSONATION_LIFETIME;
    (token, Session { expires_at, impersonated_by: Some(admin), ..session })
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

    fn own_session(change: impl FnOnce(&mut LiveSession)) -> LiveSession {
        let mut user = snapshot().user;
        user.role = auth_types::Roles::admin();
        let version = contract::session::Version { session: 1, user: 1 };
        let mut live = LiveSession { session: opened(Lifetime::Standard), user, version };
        change(&mut live);
        live
    }

    #[test]
    fn only_an_admin_acts_as_others_and_only_one_deep() {
        let judge = |from: &LiveSession| check_impersonation(from, &known(|_| ()), now());
        assert_eq!(judge(&own_session(|_| ())), Ok(()));
        let no_admin = own_session(|live| live.user.role = auth_types::Roles::user());
        let nested = own_session(|live| live.session.impersonated_by = Some(live.user.id.clone()));
        for from in [no_admin, nested] {
            assert_eq!(judge(&from), Err(Refusal::MayNotImpersonate));
        }
    }

    #[test]
    fn nobody_acts_as_an_admin_or_as_somebody_who_is_banned() {
        let judge = |known| check_impersonation(&own_session(|_| ()), &known, now());
        let admin = known(|known| known.snapshot.user.role = auth_types::Roles::admin());
        let banned = known(|known| known.snapshot.user.banned = true);
        assert_eq!(judge(admin), Err(Refusal::CannotImpersonateAdmins));
        assert_eq!(judge(banned), Err(Refusal::BannedUser));
    }

    #[test]
    fn an_impersonation_is_over_after_an_hour_and_never_due() {
        let client = ClientInfo { ip_address: String::new(), user_agent: String::new() };
        let admin = UserId::mint(&mut rand::rng());
        let (_, session) = impersonate(&snapshot(), admin.clone(), client, now(), &mut rand::rng());
        assert_eq!(session.impersonated_by, Some(admin));
        assert!(
            session.is_over(now() + Duration::from_hours(1)) && !session.is_due(session.expires_at)
        );
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
