//! Many at once.

use auth_types::TokenDigest;
use contract::session::{
    Lifetime, RefreshSession, ResolveSession, RevokeReason, RevokeSession, RevokeUser, UPDATE_AGE,
};
use futures_util::{StreamExt, future::join_all, stream};
use rand::RngExt;
use session_svc::bus;
use tokio::task::yield_now;

use crate::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_who_extend_a_session_one_does() {
    let world = World::new().await;
    let opened = world.open(&world.user(), Lifetime::Standard).await.expect("opens");
    let digest = opened.token.digest();
    world.clock.advance(UPDATE_AGE);
    let refreshes = (0..20).map(|_| bus::refresh(world.app.clone(), RefreshSession { digest }));
    for refreshed in join_all(refreshes).await {
        let live = refreshed.expect("answers").expect("alive");
        assert_eq!(live.version.session, 2, "extended more than once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_opened_while_all_are_revoked_is_refused_or_revoked() {
    let world = World::new().await;
    for _ in 0..50 {
        let user = world.user();
        let mut reset = user.clone();
        reset.version = 2;
        let revoke = RevokeUser { user: reset, reason: RevokeReason::PasswordReset, keep: None };
        let opening = join_all((0..4).map(|_| world.open(&user, Lifetime::Standard)));
        let (opened, revoked) = tokio::join!(opening, bus::revoke_user(world.app.clone(), revoke));
        revoked.expect("revoked");
        for opened in opened.into_iter().flatten() {
            let digest = opened.token.digest();
            let live =
                bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers");
            assert_eq!(live, None, "a session outlived the revocation of all");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_extension_never_brings_back_what_was_revoked() {
    let world = World::new().await;
    for _ in 0..50 {
        let user = world.user();
        let opened = world.open(&user, Lifetime::Standard).await.expect("opens");
        let digest = opened.token.digest();
        world.clock.advance(UPDATE_AGE);
        let mut reset = user.clone();
        reset.version = 2;
        let revoke = RevokeUser { user: reset, reason: RevokeReason::PasswordReset, keep: None };
        let refreshing =
            join_all((0..4).map(|_| bus::refresh(world.app.clone(), RefreshSession { digest })));
        let (_, revoked) = tokio::join!(refreshing, bus::revoke_user(world.app.clone(), revoke));
        revoked.expect("revoked");
        assert!(world.copy(digest).await.contains("revoked"));
        let live =
            bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers");
        assert_eq!(live, None);
    }
}

/// Sessions whose extension, lookup and revocation meet in an order that chance decides.
/// `INTERLEAVINGS` makes it more.
#[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
fn interleavings() -> usize {
    std::env::var("INTERLEAVINGS").map_or(1000, |count| count.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn however_they_meet_what_was_revoked_stays_so() {
    let world = World::new().await;
    let user = world.user();
    for round in 0..interleavings() / 50 {
        let open =
            || async { world.open(&user, Lifetime::Standard).await.expect("opens").token.digest() };
        let sessions = join_all((0..50).map(|_| open())).await;
        world.clock.advance(UPDATE_AGE);
        // Fifty at once give the stores something to reorder.
        let meet = |digest| meet(&world, digest);
        stream::iter(sessions).for_each_concurrent(50, meet).await;
        assert!(world.left_to_settle().await == 0, "round {round} left something to be settled");
    }
}

async fn meet(world: &World, digest: TokenDigest) {
    let revoke = async {
        tarry().await;
        bus::revoke(world.app.clone(), RevokeSession { digest }).await.expect("revoked");
        // Acknowledged: from here on it is dead, whatever is still on its way.
        let resolve = bus::resolve(world.app.clone(), ResolveSession { digest });
        assert_eq!(resolve.await.expect("answers"), None);
        assert!(world.copy(digest).await.contains("revoked"));
    };
    let refresh = async {
        tarry().await;
        drop(bus::refresh(world.app.clone(), RefreshSession { digest }).await.expect("answers"));
    };
    let resolve = async {
        tarry().await;
        drop(bus::resolve(world.app.clone(), ResolveSession { digest }).await.expect("answers"));
    };
    tokio::join!(revoke, refresh, resolve);
    assert!(world.copy(digest).await.contains("revoked"), "a late copy was written over it");
    let refreshed = bus::refresh(world.app.clone(), RefreshSession { digest }).await;
    assert_eq!(refreshed.expect("answers"), None);
}

async fn tarry() {
    let turns = rand::rng().random_range(0..60);
    for _ in 0..turns {
        yield_now().await;
    }
}
