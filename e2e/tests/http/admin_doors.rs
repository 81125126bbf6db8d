//! Who gets into which admin route, from one table: every route with every role.

use std::time::Duration;

use e2e::{Answer, Browser, CLEARED, PASSWORD, Stores, User, admin, shared, with_role};
use serde_json::{Value, json};
use stack::Process;

/// A route, a body or query that it takes, and its words for who may not.
struct Door {
    route: &'static str,
    body: fn(&User) -> Value,
    refusal: &'static str,
}

const READS: [&str; 2] = ["list-users", "get-user"];

fn about(user: &User) -> Value {
    json!({ "userId": user.id })
}

const fn door(route: &'static str, body: fn(&User) -> Value, refusal: &'static str) -> Door {
    Door { route, body, refusal }
}

const DOORS: [Door; 14] = [
    door("list-users", |_| json!({}), "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS"),
    door("get-user", |user| json!({ "id": user.id }), "YOU_ARE_NOT_ALLOWED_TO_GET_USER"),
    door(
        "create-user",
        |_| json!({ "email": e2e::fresh_email(), "name": "Bob" }),
        "YOU_ARE_NOT_ALLOWED_TO_CREATE_USERS",
    ),
    door(
        "update-user",
        |user| json!({ "userId": user.id, "data": { "name": "Bob" } }),
        "YOU_ARE_NOT_ALLOWED_TO_UPDATE_USERS",
    ),
    door(
        "set-role",
        |user| json!({ "userId": user.id, "role": "user" }),
        "YOU_ARE_NOT_ALLOWED_TO_CHANGE_USERS_ROLE",
    ),
    door("ban-user", about, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
    door("unban-user", about, "YOU_ARE_NOT_ALLOWED_TO_BAN_USERS"),
    door("list-user-sessions", about, "YOU_ARE_NOT_ALLOWED_TO_LIST_USERS_SESSIONS"),
    door(
        "revoke-user-session",
        |_| json!({ "sessionToken": "unknown" }),
        "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS",
    ),
    door("revoke-user-sessions", about, "YOU_ARE_NOT_ALLOWED_TO_REVOKE_USERS_SESSIONS"),
    door(
        "set-user-password",
        |user| json!({ "userId": user.id, "newPassword": "another horse battery" }),
        "YOU_ARE_NOT_ALLOWED_TO_SET_USERS_PASSWORD",
    ),
    door("impersonate-user", about, "YOU_ARE_NOT_ALLOWED_TO_IMPERSONATE_USERS"),
    door("remove-user", about, "YOU_ARE_NOT_ALLOWED_TO_DELETE_USERS"),
    // Open to whoever has a session.
    door("has-permission", |_| json!({ "permissions": { "user": ["list"] } }), ""),
];

async fn knock(browser: &mut Browser, door: &Door, victim: &User) -> Answer {
    let path = format!("/api/auth/admin/{}", door.route);
    let body = (door.body)(victim);
    if READS.contains(&door.route) {
        let id = body["id"].as_str().map(|id| format!("?id={id}")).unwrap_or_default();
        return browser.get(&format!("{path}{id}")).await;
    }
    browser.post(&path, &body).await
}

#[tokio::test]
async fn without_a_session_every_door_is_closed_and_says_nothing() {
    let urls = shared().await;
    let victim = Browser::new(&urls).sign_up().await;
    for door in &DOORS {
        let answer = knock(&mut Browser::new(&urls), door, &victim).await.expect_empty(401);
        assert_eq!(answer.header("content-type"), Some("application/json"), "{}", door.route);
    }
    let answer = Browser::new(&urls).post("/api/auth/admin/stop-impersonating", &json!({})).await;
    answer.expect_empty(401);
}

#[tokio::test]
async fn a_session_that_is_over_opens_nothing_and_is_cleared() {
    let urls = shared().await;
    let victim = Browser::new(&urls).sign_up().await;
    let former = admin(&urls).await;
    Stores::open(&urls).await.erase_session(&former.token).await;
    for door in &DOORS {
        let answer = knock(&mut former.browser.clone(), door, &victim).await.expect_empty(401);
        assert_eq!(answer.set_cookies(), CLEARED, "{}", door.route);
    }
}

#[tokio::test]
async fn who_is_no_admin_gets_into_none() {
    let urls = shared().await;
    let victim = Browser::new(&urls).sign_up().await;
    for role in [
        "user",
        "subuser",
        "user,subuser",
        "",
        "Admin",
        " admin",
        "administrator",
        "root",
        "user, admin",
    ] {
        let mut caller = with_role(&urls, role).await;
        for door in DOORS.iter().filter(|door| !door.refusal.is_empty()) {
            let answer = knock(&mut caller.browser, door, &victim).await;
            assert_eq!(answer.status, 403, "{role} at {}: {answer:?}", door.route);
            assert_eq!(answer.json()["code"], door.refusal, "{role}");
        }
    }
    let mut victim = victim;
    assert_eq!(victim.browser.session().await["user"]["name"], "Ann", "somebody got through");
    victim.browser.sign_in(&victim.email, PASSWORD).await.expect(200);
}

#[tokio::test]
async fn an_admin_gets_into_all() {
    let urls = shared().await;
    for role in ["admin", "user,admin", "root,admin"] {
        let mut caller = with_role(&urls, role).await;
        for door in &DOORS {
            let victim = Browser::new(&urls).sign_up().await;
            knock(&mut caller.browser.clone(), door, &victim).await.expect(200);
        }
        assert!(caller.browser.is_signed_in().await);
    }
}

/// The body is judged before the caller, as in the original.
#[tokio::test]
async fn a_body_that_does_not_fit_is_told_so_before_anything_else() {
    let mut nobody = Browser::new(&shared().await);
    let missing = "[body.userId] Invalid input: expected nonoptional, received undefined";
    let role = format!("{missing}; [body.role] Invalid input");
    let data = format!("{missing}; [body.data] Invalid input: expected record, received undefined");
    let password =
        format!("[body.newPassword] Invalid input: expected string, received undefined; {missing}");
    for (route, expected) in [
        ("ban-user", missing),
        ("unban-user", missing),
        ("remove-user", missing),
        ("impersonate-user", missing),
        ("list-user-sessions", missing),
        ("revoke-user-sessions", missing),
        ("set-role", &role),
        ("update-user", &data),
        ("set-user-password", &password),
        ("has-permission", "[body] Invalid input"),
        (
            "revoke-user-session",
            "[body.sessionToken] Invalid input: expected string, received undefined",
        ),
        (
            "create-user",
            "[body.email] Invalid input: expected string, received undefined; \
             [body.name] Invalid input: expected string, received undefined",
        ),
    ] {
        let answer = nobody.post(&format!("/api/auth/admin/{route}"), &json!({})).await;
        let answer = answer.expect_code(400, "VALIDATION_ERROR").json();
        assert_eq!(answer["message"], expected, "{route}");
        nobody.get(&format!("/api/auth/admin/{route}")).await.expect_empty(404);
    }
    let answer = nobody.get("/api/auth/admin/get-user").await.expect_code(400, "VALIDATION_ERROR");
    assert_eq!(
        answer.json()["message"],
        "[query.id] Invalid input: expected string, received undefined"
    );
    for route in READS {
        nobody.post(&format!("/api/auth/admin/{route}"), &json!({})).await.expect_empty(404);
    }
}

#[tokio::test]
async fn has_permission_judges_the_caller_whoever_is_named() {
    let urls = shared().await;
    let (mut admin, mut user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    let asked = |permissions: Value| json!({ "permissions": permissions });
    for (body, expected) in [
        (asked(json!({ "user": ["list", "ban"], "session": ["revoke"] })), true),
        (asked(json!({ "user": ["impersonate-admins"] })), false),
        (asked(json!({ "server": ["start"] })), false),
        (asked(json!({ "user": [] })), false),
        (asked(json!({})), false),
        (json!({ "permissions": { "user": ["list"] }, "userId": user.id, "role": "user" }), true),
    ] {
        let answer = admin.asks_admin("has-permission", body.clone()).await.expect(200).json();
        assert_eq!(answer, json!({ "error": null, "success": expected }), "{body}");
    }
    let body = json!({ "permissions": { "user": ["list"] }, "userId": admin.id, "role": "admin" });
    let answer = user.asks_admin("has-permission", body).await.expect(200).json();
    assert_eq!(answer["success"], false, "a body made somebody an admin");

    let body = json!({ "permission": { "user": ["list"] } });
    let answer = user.asks_admin("has-permission", body).await.expect(400).json();
    let sentence = "invalid permission check. no permission(s) were passed.";
    assert_eq!(answer, json!({ "message": sentence }));
    for body in [
        json!({ "permissions": {}, "permission": {} }),
        json!({ "permissions": { "user": "list" } }),
    ] {
        user.asks_admin("has-permission", body).await.expect_code(400, "VALIDATION_ERROR");
    }
}

/// Whatever the answer is: a session that was extended by asking gets its cookie anew.
#[tokio::test]
async fn an_admins_session_is_extended_by_what_they_ask_also_in_vain() {
    let urls = shared().await;
    let mut stores = Stores::open(&urls).await;
    for (query, status) in [("id=unknown", 404), ("", 400)] {
        let mut admin = admin(&urls).await;
        stores.age_session(&admin.token, Duration::from_hours(48)).await;
        let lines = admin.looks_up("get-user", query).await.expect(status).set_cookies();
        match status {
            404 => e2e::expect_session_cookie(&lines[0], &admin.token, Some(604_800)),
            _ => assert_eq!(lines, [""; 0], "nobody was asked for"),
        }
    }
    let mut user = Browser::new(&urls).sign_up().await;
    stores.age_session(&user.token, Duration::from_hours(48)).await;
    let lines = user.looks_up("get-user", "id=x").await.expect(403).set_cookies();
    e2e::expect_session_cookie(&lines[0], &user.token, Some(604_800));
}

#[tokio::test]
async fn what_admins_do_is_counted_by_what_it_is() {
    let urls = shared().await;
    let (mut admin, user) = (admin(&urls).await, Browser::new(&urls).sign_up().await);
    for (process, route, action) in [
        (Process::Identity, "ban-user", "BanUser"),
        (Process::Session, "revoke-user-sessions", "RevokeUserSessions"),
    ] {
        admin.asks_about(route, &user.id).await.expect(200);
        let page =
            reqwest::get(format!("{}/metrics", urls.admin[&process])).await.expect("an answer");
        let page = page.text().await.expect("text");
        let counted = |line: &str| {
            line.contains("admin_actions_total{") && line.contains(&format!("\"{action}\""))
        };
        assert!(page.lines().any(counted), "{action}");
    }
}

/// Nobody gets a role, a ban lifted, or another's id by writing it into a body.
#[tokio::test]
async fn what_only_admins_may_set_is_stored_by_no_route_of_a_users_own() {
    let urls = shared().await;
    let mut user = Browser::new(&urls).sign_up().await;
    let wanted = [
        ("role", json!("admin")),
        ("isAdmin", json!(true)),
        ("admin", json!(true)),
        ("emailVerified", json!(true)),
        ("id", json!("chosen")),
        ("banned", json!(true)),
        ("createdAt", json!("2001-01-01T00:00:00.000Z")),
        ("version", json!(99)),
    ];
    let before = user.browser.session().await["user"].clone();
    for (name, value) in &wanted {
        let mut sign_up =
            json!({ "name": "Eve", "email": e2e::fresh_email(), "password": PASSWORD });
        sign_up[*name] = value.clone();
        let answer = Browser::new(&urls).post("/api/auth/sign-up/email", &sign_up).await;
        if answer.status == 200 {
            let made = &answer.json()["user"];
            assert_eq!(made["role"], "user", "{name}");
            assert_eq!(
                (&made["banned"], &made["emailVerified"]),
                (&json!(false), &json!(false)),
                "{name}"
            );
            assert_ne!(made["id"], "chosen");
        } else {
            answer.expect_code(400, "FIELD_NOT_ALLOWED");
        }
        for route in ["update-user", "update-session"] {
            let body = json!({ *name: value });
            let answer = user.browser.post(&format!("/api/auth/{route}"), &body).await;
            assert_eq!(answer.status, 400, "{route} with {name}: {answer:?}");
        }
    }
    let mut after = user.browser.session().await["user"].clone();
    after["updatedAt"] = before["updatedAt"].clone();
    assert_eq!(after, before);
}
