//! Many at once.

use contract::session::{
    Lifetime, RefreshSession, ResolveSession, RevokeReason, RevokeUser, UPDATE_AGE,
};
use futures_util::future::join_all;
use session_svc::bus;

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
