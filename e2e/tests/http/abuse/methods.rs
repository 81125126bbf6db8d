//! Methods and forms of requests (PR9, CS4).

use e2e::{Answer, Silence, dice, shared};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{Line, cookie_line, user};

const KNOWN: [&str; 24] = [
    "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "TRACK",
    "DEBUG", "PROPFIND", "MKCOL", "COPY", "MOVE", "LOCK", "SEARCH", "PURGE", "QUERY", "PRI", "get",
    "post", "Get", "X",
];

fn method(rng: &mut StdRng) -> String {
    match rng.random_range(0..10) {
        0 => (0..rng.random_range(1..300)).map(|_| rng.random_range('A'..='Z')).collect(),
        1 => {
            let token = b"!#$%&'*+-.^_`|~09azAZ";
            (0..rng.random_range(1..20))
                .map(|_| char::from(*token.choose(rng).expect("some")))
                .collect()
        }
        2 => format!(
            "{}{}",
            KNOWN.choose(rng).expect("some"),
            ["\t", "/", ",", "\0", "\u{e9}", ":"].choose(rng).expect("some")
        ),
        _ => (*KNOWN.choose(rng).expect("some")).to_owned(),
    }
}

/// What changes something when it is asked with POST.
const CHANGING: [&str; 6] = [
    "/api/auth/sign-out",
    "/api/auth/revoke-sessions",
    "/api/auth/revoke-other-sessions",
    "/api/auth/delete-user",
    "/api/auth/update-user",
    "/api/auth/two-factor/disable",
];

#[tokio::test]
async fn no_method_but_its_own_gets_anything_done() {
    let (seed, mut rng) = dice();
    let mut user = user().await;
    let urls = shared().await;
    let mut line = Line::new().await;
    for _ in 0..1000 {
        let method = method(&mut rng);
        if method == "POST" {
            continue;
        }
        let path = CHANGING.choose(&mut rng).expect("some");
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\n{}\r\n",
            urls.frontend_url,
            cookie_line(&user)
        );
        match head_aware(&mut line, &method, request.as_bytes()).await {
            Ok(answer) => assert!(
                matches!(answer.status, 400 | 404 | 405),
                "seed {seed}: {request} {answer:?}"
            ),
            Err(silence) => assert_eq!(silence, Silence::Closed, "seed {seed}: {request}"),
        }
    }
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn no_method_goes_around_the_policy_of_a_route() {
    let (seed, mut rng) = dice();
    let user = user().await;
    let (mut line, mut passed) = (Line::new().await, 0);
    for _ in 0..1000 {
        let method = method(&mut rng);
        let (path, cookie, expected) = [
            ("/api/request", String::new(), 401),
            ("/api/admin-area", String::new(), 401),
            ("/api/admin-area", cookie_line(&user), 403),
            ("/api/request", cookie_line(&user), 200),
        ]
        .choose(&mut rng)
        .expect("some")
        .clone();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\n{cookie}\r\n");
        let answer = match head_aware(&mut line, &method, request.as_bytes()).await {
            Ok(answer) => answer,
            Err(silence) => {
                assert_eq!(silence, Silence::Closed, "seed {seed}: {request}");
                continue;
            }
        };
        let fine = answer.status == expected || matches!(answer.status, 400 | 405);
        assert!(fine, "seed {seed}: {request} {answer:?}");
        if answer.status == 200 && method != "HEAD" {
            assert_eq!(answer.json()["method"], method, "seed {seed}: {request}");
            passed += 1;
        }
    }
    assert!(passed > 50, "{passed}");
}

/// An answer to HEAD has a length and no body, so nothing can follow it here.
async fn head_aware(line: &mut Line, method: &str, request: &[u8]) -> Result<Answer, Silence> {
    if method != "HEAD" {
        return line.ask(request).await;
    }
    let text = String::from_utf8_lossy(request).replacen("\r\n", "\r\nConnection: close\r\n", 1);
    line.wire = None;
    let raw = e2e::raw_request(&line.url, text.as_bytes()).await;
    let (head, body) = raw.split_once("\r\n\r\n").ok_or(Silence::Closed)?;
    assert_eq!(body, "", "{text}");
    let status = head.get(9..12).and_then(|status| status.parse().ok()).expect("a status");
    Ok(Answer { status, headers: reqwest::header::HeaderMap::default(), body: String::new() })
}

/// Forms of a request's target other than a path (RFC 9112, 3.2), and hosts.
fn target_and_hosts(own: &str, rng: &mut StdRng) -> (String, String) {
    let paths = ["/api/request", "/api/servers", "/api/admin-area", "/api/public/../request"];
    let path = *paths.choose(rng).expect("some");
    let hosts =
        [own, "evil.com", "localhost", "127.0.0.1", "", "a b", "user@localhost", "[::1]", "*"];
    let (host, other) = (*hosts.choose(rng).expect("some"), *hosts.choose(rng).expect("some"));
    let target = match rng.random_range(0..16) {
        0 => format!("http://{own}{path}"),
        1 => format!("HTTP://{own}{path}"),
        2 => format!("https://{own}{path}"),
        3 => format!("http://{host}{path}"),
        4 => format!("http://user:pass@{own}{path}"),
        5 => format!("http:{path}"),
        6 => format!("http:///{path}"),
        7 => format!("foo:bar://{own}{path}"),
        8 => format!("//{own}{path}"),
        9 => path[1..].to_owned(),
        10 => format!("{own}{path}"),
        11 => "*".to_owned(),
        12 => format!("*{path}"),
        13 => format!("?{path}"),
        14 => format!("#{path}"),
        _ => format!("ftp://{own}{path}"),
    };
    let lines = match rng.random_range(0..6) {
        0 => String::new(),
        1 => format!("Host: {host}\r\nHost: {other}\r\n"),
        2 => format!("Host: {own}\r\nHost: {own}\r\n"),
        3 => format!("Host: {host}\r\n"),
        4 => format!("Host : {own}\r\n"),
        _ => format!("Host: {own}\r\n"),
    };
    (target, lines)
}

#[tokio::test]
async fn no_form_of_a_request_goes_around_the_policy_of_a_route() {
    let (seed, mut rng) = dice();
    let urls = shared().await;
    let own = urls.gateway_url.trim_start_matches("http://");
    let mut line = Line::new().await;
    let mut routed = 0;
    for _ in 0..2000 {
        let (target, hosts) = target_and_hosts(own, &mut rng);
        let method =
            ["GET", "POST", "OPTIONS", "CONNECT", "DELETE"].choose(&mut rng).expect("some");
        let version = ["1.1", "1.1", "1.1", "1.0"].choose(&mut rng).expect("some");
        let request = format!("{method} {target} HTTP/{version}\r\n{hosts}\r\n");
        match line.ask(request.as_bytes()).await {
            Ok(answer) => {
                let fine = matches!(answer.status, 400 | 401 | 404 | 405);
                assert!(fine, "seed {seed}: {request} {answer:?}");
                routed += usize::from(answer.status == 401);
            }
            Err(silence) => assert_eq!(silence, Silence::Closed, "seed {seed}: {request}"),
        }
    }
    assert!(routed > 20, "{routed}");
}

/// What is not a path never leads to the route of a path: `GET servers` is not
/// `GET /`, whatever stands there.
#[tokio::test]
async fn what_begins_with_no_slash_is_no_path() {
    let (seed, mut rng) = dice();
    let user = user().await;
    let mut line = Line::new().await;
    for _ in 0..300 {
        let first = loop {
            let byte = rng.random_range(0x21..=0x7eu8);
            if byte != b'/' {
                break char::from(byte);
            }
        };
        let rest = ["api/request", "/api/request", "//api/request", ":/api/request", ""];
        let target = format!("{first}{}", rest.choose(&mut rng).expect("some"));
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost\r\n{}\r\n", cookie_line(&user));
        match line.ask(request.as_bytes()).await {
            Ok(answer) => assert_eq!(answer.status, 400, "seed {seed}: {request} {answer:?}"),
            Err(silence) => assert_eq!(silence, Silence::Closed, "seed {seed}: {request}"),
        }
    }
}
