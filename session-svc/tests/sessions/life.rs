//! One session at a time.

use std::time::Duration;

use contract::{
    Refusal,
    session::{
        LIFETIME, Lifetime, RefreshSession, ResolveSession, RevokeReason, RevokeUser,
        SHORT_LIFETIME, UPDATE_AGE, UserChanged,
    },
};
use service_kit::Error;
use session_svc::bus;

use crate::world::World;

#[tokio::test]
async fn a_session_lives_seven_days_and_longer_when_it_is_used() {
    let world = World::new().await;
    let opened = world.open(&world.user(), Lifetime::Standard).await.expect("opens");
    let digest = opened.token.digest();

    world.clock.advance(UPDATE_AGE);
    let extended =
        bus::refresh(world.app.clone(), RefreshSession { digest }).await.expect("answers");
    let extended = extended.expect("alive");
    assert_eq!(extended.session.expires_at, opened.session.expires_at + UPDATE_AGE);
    assert_eq!(extended.version.session, 2);

    world.clock.advance(LIFETIME);
    let over = bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers");
    assert_eq!(over, None);
    let too_late =
        bus::refresh(world.app.clone(), RefreshSession { digest }).await.expect("answers");
    assert_eq!(too_late, None, "a session that is over was brought back");
}

#[tokio::test]
async fn a_session_of_one_day_is_not_extended_whoever_asks() {
    let world = World::new().await;
    let opened = world.open(&world.user(), Lifetime::Short).await.expect("opens");
    let digest = opened.token.digest();
    world.clock.advance(Duration::from_secs(SHORT_LIFETIME.as_secs() - 1));
    let kept = bus::refresh(world.app.clone(), RefreshSession { digest }).await.expect("answers");
    assert_eq!(kept.expect("alive").session.expires_at, opened.session.expires_at);
}

#[tokio::test]
async fn an_older_word_about_a_user_does_not_undo_a_newer_one() {
    let world = World::new().await;
    let user = world.user();
    let opened = world.open(&user, Lifetime::Standard).await.expect("opens");
    let mut newer = user.clone();
    newer.version = 3;
    newer.user.name = "Ann the Third".into();
    let mut older = user.clone();
    older.version = 2;
    older.user.name = "Ann the Second".into();
    for user in [newer, older] {
        bus::user_changed(world.app.clone(), UserChanged { user }).await.expect("answers");
    }
    let digest = opened.token.digest();
    let live = bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers");
    assert_eq!(live.expect("alive").user.name, "Ann the Third");
}

#[tokio::test]
async fn a_proof_from_before_a_reset_opens_no_session_after_it() {
    let world = World::new().await;
    let user = world.user();
    let mut reset = user.clone();
    reset.version = 2;
    let call = RevokeUser { user: reset.clone(), reason: RevokeReason::PasswordReset, keep: None };
    bus::revoke_user(world.app.clone(), call).await.expect("answers");
    let refused = world.open(&user, Lifetime::Standard).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::FailedToCreateSession))), "{refused:?}");
    world.open(&reset, Lifetime::Standard).await.expect("the new proof opens one");
}

#[tokio::test]
async fn a_user_who_is_banned_meanwhile_has_no_session() {
    let world = World::new().await;
    let user = world.user();
    let opened = world.open(&user, Lifetime::Standard).await.expect("opens");
    let mut banned = user.clone();
    banned.version = 2;
    banned.user.banned = true;
    bus::user_changed(world.app.clone(), UserChanged { user: banned }).await.expect("answers");
    let digest = opened.token.digest();
    let live = bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers");
    assert_eq!(live, None);
    let refused = world.open(&user, Lifetime::Standard).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::BannedUser))), "{refused:?}");
}
