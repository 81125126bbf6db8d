//! Headers that other gateways have let decide (HD4, HD6, CS4).

use e2e::{Browser, dice, shared};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use reqwest::Method;

use super::user;

const REQUESTS: usize = 1500;

const STEERING: [&str; 31] = [
    "X-Forwarded-Uri",
    "X-Forwarded-Url",
    "X-Forwarded-Path",
    "X-Forwarded-Prefix",
    "X-Forwarded-Method",
    "X-Forwarded-Host",
    "X-Forwarded-Server",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Ssl",
    "X-Forwarded-User",
    "X-Original-Url",
    "X-Original-Uri",
    "X-Original-Method",
    "X-Original-Host",
    "X-Rewrite-Url",
    "X-Http-Method",
    "X-Http-Method-Override",
    "X-Method-Override",
    "X-Host",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Remote-User",
    "Remote-User",
    "X-Envoy-Original-Path",
    "X-Proxy-Url",
    "X-Api-Version",
    "User-Agent",
    "Referer",
    "X-Custom-Ip-Authorization",
    "X-Probe",
];

fn value(rng: &mut StdRng) -> &'static str {
    let values = [
        "/api/public",
        "/api/servers",
        "/api/admin-area",
        "/api/auth/ok",
        "/health",
        "/",
        "GET",
        "POST",
        "OPTIONS",
        "HEAD",
        "DELETE",
        "https",
        "http",
        "localhost",
        "127.0.0.1",
        "evil.com",
        "admin",
        "kube-probe/1.30",
        "ELB-HealthChecker/2.0",
        "GoogleHC/1.0",
        "Googlebot/2.1",
        "Blackbox-Exporter",
        "Consul Health Check",
        "on",
        "443",
        "1",
        "true",
    ];
    values.choose(rng).expect("some")
}

/// Path, and what it answers to a stranger and to a user.
const ROUTES: [(&str, u16, u16); 8] = [
    ("/api/public", 200, 200),
    ("/api/request", 401, 200),
    ("/api/servers", 401, 200),
    ("/api/admin-area", 401, 403),
    ("/api/auth/list-sessions", 401, 200),
    ("/api/auth/admin/list-users", 401, 403),
    ("/api/auth/sign-out", 404, 404),
    ("/nowhere", 404, 404),
];

#[tokio::test]
async fn nothing_but_the_request_itself_decides_where_it_goes() {
    let (seed, mut rng) = dice();
    let mut user = user().await;
    let mut stranger = Browser::new(&shared().await);
    for _ in 0..REQUESTS {
        let (path, to_strangers, to_users) = *ROUTES.choose(&mut rng).expect("some");
        let (browser, expected) = if rng.random_bool(0.5) {
            (&mut user.browser, to_users)
        } else {
            (&mut stranger, to_strangers)
        };
        let steering: Vec<_> = (0..rng.random_range(1..6))
            .map(|_| (*STEERING.choose(&mut rng).expect("some"), value(&mut rng)))
            .collect();
        let request = browser.request(Method::GET, path);
        let request =
            steering.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let answer = browser.send(request).await;
        assert_eq!(answer.status, expected, "seed {seed}: {path} {steering:?} {answer:?}");
        if answer.status == 200 && ["/api/public", "/api/request"].contains(&path) {
            let echo = answer.json();
            assert_eq!(echo["path"], path, "seed {seed}: {steering:?}");
            assert_eq!(echo["method"], "GET", "seed {seed}: {steering:?}");
        }
    }
    assert!(user.browser.is_signed_in().await);
}
