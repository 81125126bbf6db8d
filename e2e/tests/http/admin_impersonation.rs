//! An admin who acts as somebody else, and comes back.

use std::time::Duration;

use e2e::{
    Answer, Browser, CLEARED, PASSWORD, Stores, User, admin, eventually, expect_session,
    expect_session_cookie, keys, seconds_between, shared, text,
};
use serde_json::json;

const SESSION: &str = "better-auth.session_token";
const DONT_REMEMBER: &str = "better-auth.dont_remember";
const ADMIN_SESSION: &str = "better-auth.admin_session";

async fn both() -> (User, User) {
    let urls = shared().await;
    (admin(&urls).await, Browser::new(&urls).sign_up().await)
}

async fn impersonate(admin: &mut User, user: &User) -> Answer {
    admin.asks_about("impersonate-user", &user.id).await.expect(200)
}

async fn stop(admin: &mut User) -> Answer {
    admin.asks_admin("stop-impersonating", json!({})).await
}

async fn set_role(admin: &mut User, user: &str, role: &str) {
    admin.asks_admin("set-role", json!({ "userId": user, "role": role })).await.expect(200);
}

/// Lines of the form that `dont_remember` has, but for its signature.
#[track_caller]
fn expect_dont_remember(line: &str) {
    assert!(line.starts_with("better-auth.dont_remember=true."), "{line}");
    assert!(line.ends_with("%3D; Path=/; HttpOnly; SameSite=Lax"), "{line}");
}

#[track_caller]
fn expect_admin_session(line: &str, token: &str, flag: &str) {
    assert!(line.starts_with(&format!("better-auth.admin_session={token}%3A{flag}.")), "{line}");
    assert!(line.ends_with("%3D; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"), "{line}");
}

#[tokio::test]
async fn an_admin_becomes_the_user_and_comes_back() {
    let (mut admin, user) = both().await;
    let answer = impersonate(&mut admin, &user).await;
    let (body, lines) = (answer.json(), answer.set_cookies());
    assert_eq!(keys(&body), ["session", "user"]);
    expect_session(&body["session"]);
    assert_eq!(body["session"]["impersonatedBy"], admin.id);
    assert_eq!(
        (&body["session"]["userId"], &body["user"]["id"]),
        (&json!(user.id), &json!(user.id))
    );
    assert_eq!(seconds_between(&body["session"]["createdAt"], &body["session"]["expiresAt"]), 3600);

    assert_eq!(lines.len(), 6, "{lines:?}");
    assert_eq!(lines[..3], CLEARED);
    expect_admin_session(&lines[3], &admin.token, "");
    expect_session_cookie(&lines[4], text(&body["session"]["token"]), None);
    expect_dont_remember(&lines[5]);

    let now = admin.browser.session().await;
    assert_eq!(now["user"]["id"], user.id);
    assert_eq!(now["session"]["impersonatedBy"], admin.id);
    let servers = admin.browser.get("/api/servers").await.expect(200).json();
    assert_eq!(
        (&servers["user"]["id"], &servers["user"]["role"]),
        (&json!(user.id), &json!("user"))
    );

    let answer = stop(&mut admin).await.expect(200);
    let (back, lines) = (answer.json(), answer.set_cookies());
    assert_eq!(
        (&back["session"]["token"], &back["user"]["id"]),
        (&json!(admin.token), &json!(admin.id))
    );
    assert_eq!(lines.len(), 3, "{lines:?}");
    expect_session_cookie(&lines[0], &admin.token, Some(604_800));
    assert_eq!(lines[1], "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(lines[2], "better-auth.admin_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
    assert_eq!(admin.browser.session().await["user"]["id"], admin.id);

    admin.looks_up("list-users", "limit=1").await.expect(200);
}

#[tokio::test]
async fn who_asked_not_to_be_remembered_is_not_when_coming_back() {
    let (mut admin, user) = both().await;
    admin.browser = Browser::new(&shared().await);
    let body = json!({ "email": admin.email, "password": PASSWORD, "rememberMe": false });
    let token =
        admin.browser.post("/api/auth/sign-in/email", &body).await.expect(200).json()["token"]
            .clone();
    let lines = impersonate(&mut admin, &user).await.set_cookies();
    expect_admin_session(&lines[3], text(&token), "true");
    let lines = stop(&mut admin).await.expect(200).set_cookies();
    assert_eq!(lines.len(), 3, "{lines:?}");
    expect_session_cookie(&lines[0], text(&token), None);
    expect_dont_remember(&lines[1]);
    assert_eq!(lines[2], "better-auth.admin_session=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax");
}

#[tokio::test]
async fn stopping_ends_the_borrowed_session_for_good() {
    let (mut admin, user) = both().await;
    impersonate(&mut admin, &user).await;
    let mut borrowed = admin.browser.clone();
    borrowed.get("/api/servers").await.expect(200);
    stop(&mut admin).await.expect(200);
    borrowed.get("/api/servers").await.expect(401);
    stop(&mut admin).await.expect(400);
}

#[tokio::test]
async fn nobody_stops_what_they_did_not_start() {
    let (mut admin, mut user) = both().await;
    for caller in [&mut admin, &mut user] {
        let answer = stop(caller).await.expect(400).json();
        assert_eq!(answer, json!({ "message": "You are not impersonating anyone" }));
    }
    impersonate(&mut admin, &user).await;
    let jar = admin.browser.cookies.clone();
    let mut other = e2e::admin(&shared().await).await;
    impersonate(&mut other, &user).await;
    let foreign = other.browser.cookies[ADMIN_SESSION].clone();
    for kept in [None, Some("forged".to_owned()), Some(jar[SESSION].clone()), Some(foreign)] {
        admin.browser.cookies.clone_from(&jar);
        match &kept {
            Some(value) => admin.browser.cookies.insert(ADMIN_SESSION.to_owned(), value.clone()),
            None => admin.browser.cookies.remove(ADMIN_SESSION),
        };
        let answer = stop(&mut admin).await.expect(400);
        assert_eq!(answer.json(), json!({ "message": "Failed to find admin session" }), "{kept:?}");
        assert_eq!(answer.set_cookies(), [""; 0]);
    }
    admin.browser.cookies = jar;
    stop(&mut admin).await.expect(200);
}

#[tokio::test]
async fn admins_the_banned_and_nobody_are_not_impersonated() {
    let (mut admin, user) = both().await;
    let urls = shared().await;
    let own = admin.id.clone();
    for role in ["admin", "user,admin"] {
        let other = e2e::with_role(&urls, role).await;
        let answer = admin.asks_about("impersonate-user", &other.id).await;
        answer.expect_code(403, "YOU_CANNOT_IMPERSONATE_ADMINS");
    }
    admin
        .asks_about("impersonate-user", &own)
        .await
        .expect_code(403, "YOU_CANNOT_IMPERSONATE_ADMINS");
    admin.asks_about("impersonate-user", "unknown").await.expect_code(404, "USER_NOT_FOUND");
    admin.asks_about("ban-user", &user.id).await.expect(200);
    let answer = admin.asks_about("impersonate-user", &user.id).await;
    assert_eq!(answer.expect_code(403, "BANNED_USER").set_cookies(), [""; 0]);
    assert_eq!(admin.browser.session().await["user"]["id"], own);
}

/// Not even when the user is made an admin meanwhile: then it ends.
#[tokio::test]
async fn who_acts_as_a_user_is_no_admin() {
    let (mut admin, user) = both().await;
    let third = Browser::new(&shared().await).sign_up().await;
    impersonate(&mut admin, &user).await;
    admin.looks_up("list-users", "limit=1").await.expect(403);
    let nested = admin.asks_about("impersonate-user", &third.id).await;
    nested.expect_code(403, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS");
    let asked = json!({ "permissions": { "user": ["list"] } });
    assert_eq!(
        admin.asks_admin("has-permission", asked).await.expect(200).json()["success"],
        false
    );

    let mut other = e2e::admin(&shared().await).await;
    set_role(&mut other, &user.id, "admin").await;
    admin.looks_up("list-users", "limit=1").await.expect_empty(401);
    assert!(!admin.browser.is_signed_in().await);
}

#[tokio::test]
async fn the_user_does_not_see_it_and_other_admins_do() {
    let (mut admin, mut user) = both().await;
    let session = impersonate(&mut admin, &user).await.json()["session"].clone();
    let own = user.browser.get("/api/auth/list-sessions").await.expect(200).json();
    assert_eq!(own.as_array().expect("a list").len(), 1);
    let mut other = e2e::admin(&shared().await).await;
    let seen = other.asks_about("list-user-sessions", &user.id).await.expect(200).json();
    let seen = seen["sessions"].as_array().expect("a list");
    let borrowed: Vec<_> = seen.iter().filter(|seen| seen["impersonatedBy"] == admin.id).collect();
    assert_eq!(borrowed.len(), 1);
    assert_eq!((&borrowed[0]["id"], &borrowed[0]["token"]), (&session["id"], &session["id"]));
}

/// Whatever cookies a browser drops, an hour is an hour.
#[tokio::test]
async fn an_impersonation_is_never_extended() {
    let (mut admin, user) = both().await;
    let body = impersonate(&mut admin, &user).await.json();
    let token = text(&body["session"]["token"]);
    let mut stores = Stores::open(&shared().await).await;
    stores.age_session(token, Duration::from_mins(59)).await;
    admin.browser.cookies.remove(DONT_REMEMBER);
    for path in ["/api/auth/get-session", "/api/auth/list-sessions", "/api/servers"] {
        let answer = admin.browser.get(path).await.expect(200);
        assert_eq!(answer.set_cookies(), [""; 0], "{path}");
    }
    let session = admin.browser.session().await["session"].clone();
    assert_eq!(seconds_between(&session["createdAt"], &session["expiresAt"]), 3600);
    stores.age_session(token, Duration::from_secs(61)).await;
    // Redis tells the gateway when it is told itself, so this is not quite at once.
    let browser = admin.browser.clone();
    let over = eventually(|| async {
        (browser.clone().get("/api/servers").await.status == 401).then_some(())
    });
    over.await.expect("the hour is over");
    let answer = admin.browser.get("/api/auth/get-session").await.expect(200);
    assert_eq!(answer.set_cookies(), CLEARED);
}

/// Nor under which address, nor whether they stay.
#[tokio::test]
async fn whoever_acts_as_a_user_can_not_change_how_they_sign_in() {
    let (mut admin, mut user) = both().await;
    impersonate(&mut admin, &user).await;
    let own = json!({ "password": PASSWORD });
    for (route, body) in [
        (
            "change-password",
            json!({ "currentPassword": PASSWORD, "newPassword": "another horse battery" }),
        ),
        ("change-email", json!({ "newEmail": e2e::fresh_email() })),
        ("delete-user", own.clone()),
        ("unlink-account", json!({ "accountId": "unknown" })),
        ("two-factor/enable", own.clone()),
        ("two-factor/disable", own.clone()),
        ("two-factor/generate-backup-codes", own),
    ] {
        let answer = admin.browser.post(&format!("/api/auth/{route}"), &body).await;
        assert_eq!(answer.status, 403, "{route}: {answer:?}");
        assert_eq!(answer.json()["code"], "NOT_ALLOWED_WHILE_IMPERSONATING", "{route}");
        assert_eq!(answer.set_cookies(), [""; 0], "{route}");
    }
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
}

/// What an admin borrowed ends with what let them borrow it.
#[tokio::test]
async fn an_impersonation_ends_with_the_admins_own_right() {
    let urls = shared().await;
    for (route, body) in [
        ("ban-user", json!({})),
        ("set-role", json!({ "role": "user" })),
        ("remove-user", json!({})),
        ("revoke-user-sessions", json!({})),
        ("set-user-password", json!({ "newPassword": "another horse battery" })),
        ("update-user", json!({ "data": { "role": "subuser" } })),
    ] {
        let (mut admin, mut user) = both().await;
        let mut other = e2e::admin(&urls).await;
        impersonate(&mut admin, &user).await;
        admin.browser.get("/api/servers").await.expect(200);
        let mut body = body.clone();
        body["userId"] = admin.id.clone().into();
        other.asks_admin(route, body).await.expect(200);
        admin.browser.get("/api/servers").await.expect(401);
        assert!(user.browser.is_signed_in().await, "{route} ended the user's own session");
    }
}

#[tokio::test]
async fn an_impersonation_ends_with_the_session_it_was_started_from() {
    let (mut admin, user) = both().await;
    let mut own = admin.browser.clone();
    impersonate(&mut admin, &user).await;
    let mut elsewhere = e2e::admin(&shared().await).await;
    impersonate(&mut elsewhere, &user).await;
    own.post("/api/auth/sign-out", &json!({})).await.expect(200);
    admin.browser.get("/api/servers").await.expect(401);
    elsewhere.browser.get("/api/servers").await.expect(200);
}

/// An impersonation that is being opened while its admin's session ends does not
/// outlive it.
#[tokio::test]
async fn an_impersonation_that_races_a_sign_out_does_not_stay() {
    let urls = shared().await;
    let (first, user) = both().await;
    for _ in 0..12 {
        let mut admin = Browser::new(&urls);
        admin.sign_in(&first.email, PASSWORD).await.expect(200);
        let (mut acting, mut leaving) = (admin.clone(), admin);
        let (body, nothing) = (json!({ "userId": user.id }), json!({}));
        let (started, left) = tokio::join!(
            acting.post("/api/auth/admin/impersonate-user", &body),
            leaving.post("/api/auth/sign-out", &nothing)
        );
        left.expect(200);
        assert!(matches!(started.status, 200 | 401 | 403), "{started:?}");
        assert!(!acting.is_signed_in().await, "{started:?}");
    }
}
