//! What a route asks of a request: method, policy, size, how often.

use e2e::{Browser, PASSWORD, Stores, User, eventually, raw_answers, text};
use reqwest::Method;
use serde_json::json;

use crate::{
    application::Application,
    upstream::{Manner, Upstream},
};

async fn application(routes: &str) -> (Application, Upstream) {
    let upstream = Upstream::start(Manner::Answers(200)).await;
    let file = format!("{routes}\n[upstreams.app]\naddress = \"{}\"\n", upstream.address);
    (Application::start(&file, &[]).await, upstream)
}

async fn user(app: &Application) -> User {
    app.browser().sign_up().await
}

/// Makes the user's session two days old, everywhere.
async fn age_session(app: &Application, user: &mut User) {
    let db = Stores::open(app.stack.urls()).await.db;
    sqlx::query(
        "UPDATE session.session SET created_at = created_at - interval '2 days' WHERE user_id = $1",
    )
    .bind(&user.id)
    .execute(&db)
    .await
    .expect("Postgres answers");
    app.stack.kill(stack::Process::Redis).await;
    app.stack.launch(stack::Process::Redis).await;
    app.stack.wait_ready().await.expect("ready again");
}

#[tokio::test]
async fn a_method_that_is_not_listed_is_a_405_and_reaches_nobody() {
    let (app, upstream) = application(
        r#"routes = [
            { prefix = "/app", upstream = "app", policy = "public" },
            { path = "/app/list", upstream = "app", policy = "public", methods = ["GET"] },
            { path = "/app/list", upstream = "app", methods = ["POST", "PUT"] },
        ]"#,
    )
    .await;
    app.get("/app/list").await.expect(200);
    assert_eq!(app.ask(Method::HEAD, "/app/list").await.status, 200);
    app.ask(Method::POST, "/app/list").await.expect_error(401, "Unauthorized");
    let refused = app.ask(Method::DELETE, "/app/list").await;
    let refused = refused.expect_error(405, "Method not allowed");
    assert_eq!(refused.header("allow"), Some("GET, HEAD, POST, PUT"));
    app.ask(Method::DELETE, "/app/other").await.expect(200);
    assert_eq!(upstream.asked(), 3);
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_around_its_policy() {
    let (app, upstream) = application(
        r#"routes = [
            { prefix = "/", upstream = "app", policy = "public" },
            { prefix = "/admin", upstream = "app", policy = "roles", roles = ["admin"] },
        ]"#,
    )
    .await;
    let address = app.stack.urls().gateway_url.clone();
    app.get("/other").await.expect(200);
    for path in [
        "/admin",
        "/admin/",
        "/admin/x",
        "/Admin",
        "/ADMIN/x",
        "/admin;x",
        "/admin;x/y",
        "//admin",
        "/./admin",
        "/x/../admin",
        "/%61dmin",
        "/admin%2fx",
        "/admin%2Fx",
        "/admin%00",
        "/admin%3bx",
        "/%2561dmin",
        "/admin/..;/admin",
        "/x\\..\\admin",
        "/admin?x",
        "/admin/?a=/other",
    ] {
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let answers = raw_answers(&address, &request).await;
        let status = answers.first().expect("an answer").status;
        assert!([400, 401, 404].contains(&status), "{path}: {status}");
    }
    assert_eq!(upstream.asked(), 1);
}

#[tokio::test]
async fn what_no_route_names_leads_nowhere() {
    let (app, upstream) =
        application(r#"routes = [{ prefix = "/app", upstream = "app", policy = "public" }]"#).await;
    for path in ["/", "/ap", "/apps", "/app-old", "/api/app", "/a/pp"] {
        app.get(path).await.expect_error(404, "Not found");
    }
    assert_eq!(upstream.asked(), 0);
}

#[tokio::test]
async fn a_route_for_fresh_sessions_takes_no_old_ones() {
    let (app, upstream) = application(
        r#"routes = [
            { path = "/any", upstream = "app" },
            { path = "/fresh", upstream = "app", policy = "fresh" },
            { path = "/fresh-admin", upstream = "app", policy = "fresh", roles = ["admin"] },
        ]"#,
    )
    .await;
    app.get("/fresh").await.expect_error(401, "Unauthorized");
    let mut user = user(&app).await;
    user.browser.get("/fresh").await.expect(200);
    user.browser.get("/fresh-admin").await.expect_error(403, "Forbidden");
    age_session(&app, &mut user).await;
    user.browser.get("/any").await.expect(200);
    user.browser.get("/fresh").await.expect_error(403, "Session is not fresh");
    user.browser.get("/fresh-admin").await.expect_error(403, "Forbidden");
    user.browser.sign_in(&user.email, PASSWORD).await.expect(200);
    user.browser.get("/fresh").await.expect(200);
    assert_eq!(upstream.asked(), 3);
}

#[tokio::test]
async fn a_body_is_as_large_as_its_route_allows() {
    let (app, upstream) = application(
        r#"routes = [
            { path = "/small", upstream = "app", policy = "public", body_limit_bytes = 10 },
            { path = "/large", upstream = "app", policy = "public", body_limit_bytes = 3000000 },
        ]"#,
    )
    .await;
    let send = async |path: &str, bytes: usize| {
        let mut browser = app.browser();
        let request = browser.request(Method::POST, path).body("x".repeat(bytes));
        browser.send(request).await
    };
    send("/small", 10).await.expect(200);
    send("/small", 11).await.expect_error(413, "Request body is too large");
    send("/large", 3_000_000).await.expect(200);
    send("/large", 3_000_001).await.expect_error(413, "Request body is too large");
    assert_eq!(upstream.asked(), 2);
}

// Limits of a route

#[tokio::test]
async fn a_route_has_its_own_limit_and_says_what_is_left() {
    let (app, upstream) = application(
        r#"routes = [
            { prefix = "/app", upstream = "app", policy = "public", limit = { requests = 3, window = "1h" } },
            { prefix = "/other", upstream = "app", policy = "public" },
        ]"#,
    )
    .await;
    for (path, remaining) in [("/app/1", "2"), ("/app/2", "1"), ("/app", "0")] {
        let answer = app.get(path).await.expect(200);
        assert_eq!(answer.header("x-ratelimit-limit"), Some("3"));
        assert_eq!(answer.header("x-ratelimit-remaining"), Some(remaining));
        assert!(answer.header("x-ratelimit-reset").is_some());
    }
    let refused = app.get("/app/3").await;
    let refused = refused.expect_error(429, "Too many requests. Please try again later.");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.header("retry-after"), refused.header("x-retry-after"));
    let seconds: u64 = refused.header("retry-after").expect("some").parse().expect("a number");
    assert!((1..=1200).contains(&seconds), "{seconds}");
    assert_eq!(app.get("/other").await.expect(200).header("x-ratelimit-limit"), None);
    assert_eq!(upstream.asked(), 4);
}

#[tokio::test]
async fn a_limit_counts_addresses_or_users() {
    let (app, _upstream) = application(
        r#"routes = [
            { path = "/by-address", upstream = "app", policy = "public", limit = { requests = 1, window = "1h" } },
            { path = "/by-user", upstream = "app", limit = { requests = 1, window = "1h", by = "user" } },
        ]"#,
    )
    .await;
    let from = async |browser: &mut Browser, path: &str, address: &str| {
        let request = browser.request(Method::GET, path).header("x-forwarded-for", address);
        browser.send(request).await
    };
    let (mut one, mut other) = (user(&app).await.browser, user(&app).await.browser);
    from(&mut one, "/by-address", "203.0.113.1").await.expect(200);
    from(&mut other, "/by-address", "203.0.113.1").await.expect(429);
    from(&mut one, "/by-address", "203.0.113.2").await.expect(200);
    from(&mut one, "/by-address", "2001:db8::1").await.expect(200);
    from(&mut one, "/by-address", "2001:db8::2").await.expect(429);

    from(&mut one, "/by-user", "203.0.113.1").await.expect(200);
    from(&mut one, "/by-user", "203.0.113.2").await.expect(429);
    from(&mut other, "/by-user", "203.0.113.1").await.expect(200);
    // Nobody's requests are counted by their address, before they are refused.
    let mut nobody = app.browser();
    from(&mut nobody, "/by-user", "203.0.113.1").await.expect(401);
    from(&mut nobody, "/by-user", "203.0.113.1").await.expect(429);
}

#[tokio::test]
async fn a_route_may_lead_to_one_upstream_and_its_neighbour_to_another() {
    let (one, other) =
        (Upstream::start(Manner::Answers(200)).await, Upstream::start(Manner::Answers(201)).await);
    let file = format!(
        "[upstreams.one]\naddress = \"{}\"\n[upstreams.other]\naddress = \"{}\"\n\
         [[routes]]\nprefix = \"/a\"\nupstream = \"one\"\npolicy = \"public\"\n\
         [[routes]]\nprefix = \"/a/b\"\nupstream = \"other\"\npolicy = \"public\"\n",
        one.address, other.address
    );
    let app = Application::start(&file, &[]).await;
    app.get("/a").await.expect(200);
    app.get("/a/b/c").await.expect(201);
    // The line is written once the answer has left.
    let file = app.stack.log_file(stack::Process::Gateway);
    let log = || std::fs::read_to_string(&file).expect("a log");
    let written = eventually(|| async { log().contains("route=\"/a/b\"").then_some(()) });
    written.await.unwrap_or_else(|| panic!("{}", log()));
    assert!(log().contains("upstream=\"other\""), "{}", log());
}

/// The stack's own file: every path and policy of the example panel.
#[tokio::test]
async fn an_assertion_is_for_the_upstream_of_the_route() {
    let (app, _upstream) = application("").await;
    let panel = e2e::environment_of(&app.stack, stack::Process::Panel);
    let address = panel[std::ffi::OsStr::new("LISTEN_ADDR")].to_string_lossy().into_owned();
    app.write(&format!(
        "[upstreams.elsewhere]\naddress = \"{address}\"\n[upstreams.panel]\naddress = \"{address}\"\n\
         [[routes]]\nprefix = \"/api/request\"\nupstream = \"panel\"\n\
         [[routes]]\nprefix = \"/api/servers\"\nupstream = \"elsewhere\"\n"
    ));
    app.wait_for("routes_generation", 2).await;
    let mut user = user(&app).await;
    let seen = user.browser.get("/api/request").await.expect(200).json();
    assert_eq!(text(&seen["claims"]["aud"]), "panel");
    // The panel takes no assertion that is for somebody else.
    user.browser.get("/api/servers").await.expect(401);
    assert_eq!(seen["claims"]["sub"], json!(user.id));
}
