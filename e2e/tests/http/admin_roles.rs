//! Roles that an admin gives and takes, and that an admin always remains.

use e2e::{Browser, admin, expect_user, shared, with_role};
use serde_json::{Value, json};

fn role(user: &str, role: impl Into<Value>) -> Value {
    json!({ "userId": user, "role": role.into() })
}

#[tokio::test]
async fn an_admin_gives_roles_that_exist() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    for (given, stored) in [
        (json!("subuser"), "subuser"),
        (json!(["user", "subuser"]), "user,subuser"),
        (json!("user,subuser,user"), "user,subuser"),
        (json!(["admin"]), "admin"),
        (json!("user"), "user"),
    ] {
        let answer = admin.asks_admin("set-role", role(&user.id, given)).await.expect(200).json();
        expect_user(&answer["user"]);
        assert_eq!(answer["user"]["role"], stored);
        assert_eq!(user.browser.session().await["user"]["role"], stored, "a live session shows it");
    }
    for unknown in [
        json!("root"),
        json!(["user", "root"]),
        json!(""),
        json!([]),
        json!("Admin"),
        json!("user, admin"),
    ] {
        let answer = admin.asks_admin("set-role", role(&user.id, unknown)).await;
        answer.expect_code(400, "YOU_ARE_NOT_ALLOWED_TO_SET_NON_EXISTENT_VALUE");
    }
    for no_role in [json!(5), json!(null), json!([1]), json!({})] {
        let answer = admin.asks_admin("set-role", role(&user.id, no_role)).await;
        let answer = answer.expect_code(400, "VALIDATION_ERROR").json();
        assert_eq!(answer["message"], "[body.role] Invalid input");
    }
    assert_eq!(user.browser.session().await["user"]["role"], "user");
    admin.asks_admin("set-role", role("unknown", "user")).await.expect_code(404, "USER_NOT_FOUND");
    let answer = admin.asks_admin("set-role", json!({ "userId": 17, "role": "user" })).await;
    answer.expect_code(404, "USER_NOT_FOUND");
}

/// The very next request counts, on a session that is in every memory there is.
#[tokio::test]
async fn a_role_is_given_and_taken_while_the_session_is_warm() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    for _ in 0..20 {
        user.browser.get("/api/servers").await.expect(200);
        user.looks_up("list-users", "limit=1").await.expect(403);
        admin.asks_admin("set-role", role(&user.id, "admin")).await.expect(200);
        user.looks_up("list-users", "limit=1").await.expect(200);
        let servers = user.browser.get("/api/servers").await.expect(200).json();
        assert_eq!(servers["user"]["role"], "admin", "the upstream is told: {servers}");
        admin.asks_admin("set-role", role(&user.id, "user")).await.expect(200);
        user.looks_up("list-users", "limit=1").await.expect(403);
        let servers = user.browser.get("/api/servers").await.expect(200).json();
        assert_eq!(servers["user"]["role"], "user", "the upstream is told");
    }
}

#[tokio::test]
async fn admins_can_not_lock_themselves_out() {
    let urls = shared().await;
    let mut admin = admin(&urls).await;
    let own = admin.id.clone();
    let update = |data: Value| json!({ "userId": own, "data": data });
    for (route, body, code) in [
        ("set-role", role(&own, "user"), "YOU_CANNOT_DEMOTE_YOURSELF"),
        ("set-role", role(&own, "subuser"), "YOU_CANNOT_DEMOTE_YOURSELF"),
        ("update-user", update(json!({ "role": "user" })), "YOU_CANNOT_DEMOTE_YOURSELF"),
        ("ban-user", json!({ "userId": own }), "YOU_CANNOT_BAN_YOURSELF"),
        ("ban-user", json!({ "userId": own, "banExpiresIn": 1 }), "YOU_CANNOT_BAN_YOURSELF"),
        ("update-user", update(json!({ "banned": true })), "YOU_CANNOT_BAN_YOURSELF"),
        ("remove-user", json!({ "userId": own }), "YOU_CANNOT_REMOVE_YOURSELF"),
    ] {
        admin.asks_admin(route, body).await.expect_code(400, code);
    }
    admin.asks_admin("set-role", role(&own, json!(["user", "admin"]))).await.expect(200);
    admin.looks_up("list-users", "limit=1").await.expect(200);
}

/// Whatever two admins do to each other at once, one remains.
#[tokio::test]
async fn of_two_admins_who_end_each_other_at_once_one_remains() {
    let urls = shared().await;
    for (route, body) in [
        ("set-role", json!({ "role": "user" })),
        ("ban-user", json!({})),
        ("remove-user", json!({})),
        ("update-user", json!({ "data": { "role": "subuser" } })),
        ("update-user", json!({ "data": { "banned": true } })),
    ] {
        for _ in 0..4 {
            let (mut one, mut other) = (admin(&urls).await, admin(&urls).await);
            let against = |id: &str| {
                let mut body = body.clone();
                body["userId"] = id.into();
                body
            };
            let (to_other, to_one) = (against(&other.id), against(&one.id));
            let (first, second) =
                tokio::join!(one.asks_admin(route, to_other), other.asks_admin(route, to_one));
            let done = [&first, &second].into_iter().filter(|answer| answer.status == 200).count();
            assert_eq!(done, 1, "{route}: {first:?} {second:?}");
            let (winner, loser) =
                if first.status == 200 { (&mut one, &mut other) } else { (&mut other, &mut one) };
            winner.looks_up("list-users", "limit=1").await.expect(200);
            let refused = loser.looks_up("list-users", "limit=1").await;
            assert!(matches!(refused.status, 401 | 403), "{route}: {refused:?}");
        }
    }
}

/// A crowd of admins who all take the role from the next one: however it goes, no
/// answer is an error of ours, and somebody is left.
#[tokio::test]
async fn a_ring_of_admins_never_ends_empty() {
    let urls = shared().await;
    let mut ring = Vec::new();
    for _ in 0..6 {
        ring.push(admin(&urls).await);
    }
    let next: Vec<_> = (0..ring.len()).map(|at| ring[(at + 1) % ring.len()].id.clone()).collect();
    let asking = ring.iter().zip(&next).map(|(caller, target)| {
        let (mut browser, body) = (caller.browser.clone(), role(target, "user"));
        async move { browser.post("/api/auth/admin/set-role", &body).await }
    });
    for answer in futures_util::future::join_all(asking).await {
        assert!(matches!(answer.status, 200 | 403), "{answer:?}");
    }
    let mut left = 0;
    for member in &mut ring {
        left += usize::from(member.looks_up("list-users", "limit=1").await.status == 200);
    }
    assert!(left > 0, "no admin is left");
}

#[tokio::test]
async fn two_roles_do_not_add_up_to_one_that_may() {
    let mut caller = with_role(&shared().await, "user,subuser,ad,min").await;
    caller
        .looks_up("list-users", "limit=1")
        .await
        .expect_code(403, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS");
}
