//! A session that takes another's place.

use contract::{
    Refusal,
    session::{Lifetime, ResolveSession, RevokeReason, RevokeUser, RotateSession, SHORT_LIFETIME},
    user::UserSnapshot,
};
use futures_util::future::join_all;
use service_kit::Error;
use session_svc::bus;

use crate::world::World;

fn changed(user: &UserSnapshot) -> UserSnapshot {
    let mut changed = user.clone();
    changed.version += 1;
    changed.user.two_factor_enabled = true;
    changed
}

async fn is_alive(world: &World, digest: auth_types::TokenDigest) -> bool {
    bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers").is_some()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_rotate_a_session_one_does() {
    let world = World::new().await;
    let user = world.user();
    let from = world.open(&user, Lifetime::Short).await.expect("opens").token.digest();
    let user = changed(&user);
    let rotations =
        (0..20).map(|_| bus::rotate(world.app.clone(), RotateSession { user: user.clone(), from }));
    let (done, refused): (Vec<_>, Vec<_>) =
        join_all(rotations).await.into_iter().partition(Result::is_ok);
    assert_eq!((done.len(), refused.len()), (1, 19));
    assert!(
        refused.iter().all(|refused| matches!(refused, Err(Error::Refused(Refusal::Unauthorized))))
    );
    assert!(!is_alive(&world, from).await && world.copy(from).await.contains("revoked"));
    let opened = done.into_iter().flatten().next().expect("one");
    assert!(is_alive(&world, opened.token.digest()).await);
    assert!(!opened.session.extendable);
    assert_eq!(opened.session.expires_at, opened.session.created_at + SHORT_LIFETIME);
}

/// A promise that is kept twice must not end what took the kept session's place.
#[tokio::test]
async fn what_spares_a_session_spares_its_successor_and_nothing_else() {
    let world = World::new().await;
    let user = world.user();
    let kept = world.open(&user, Lifetime::Standard).await.expect("opens");
    let other = world.open(&user, Lifetime::Standard).await.expect("opens");
    let user = changed(&user);
    let keep = Some(kept.session.id.clone());
    let revoke = RevokeUser { user: user.clone(), reason: RevokeReason::SecondFactorChanged, keep };
    bus::revoke_user(world.app.clone(), revoke.clone()).await.expect("answers");
    let rotate = RotateSession { user: user.clone(), from: kept.token.digest() };
    let next = bus::rotate(world.app.clone(), rotate).await.expect("rotates");
    bus::revoke_user(world.app.clone(), revoke).await.expect("answers");
    assert!(is_alive(&world, next.token.digest()).await);
    assert!(
        !is_alive(&world, kept.token.digest()).await
            && !is_alive(&world, other.token.digest()).await
    );
}

#[tokio::test]
async fn nobody_rotates_another_users_session() {
    let world = World::new().await;
    let opened = world.open(&world.user(), Lifetime::Standard).await.expect("opens");
    let rotate = RotateSession { user: world.user(), from: opened.token.digest() };
    let refused = bus::rotate(world.app.clone(), rotate).await;
    assert!(matches!(refused, Err(Error::Refused(Refusal::Unauthorized))), "{refused:?}");
    assert!(is_alive(&world, opened.token.digest()).await);
}
