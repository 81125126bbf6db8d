//! Too much of everything (PR7). That memory does not grow with it is tried in
//! `faults/abuse/memory.rs`.

use e2e::{Answer, Silence, Wire, dice, shared};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{Line, cookie_line, user};

/// The answer, or nothing where the gateway hangs up on somebody who does not stop.
async fn ask(request: &[u8]) -> Option<Answer> {
    let mut wire = Wire::open(&shared().await.gateway_url).await;
    wire.send(request).await;
    match wire.answer().await {
        Ok(answer) => Some(answer),
        Err(silence) => {
            assert_eq!(silence, Silence::Closed, "{}", String::from_utf8_lossy(&request[..200]));
            None
        }
    }
}

fn oversized(rng: &mut StdRng) -> (&'static str, String) {
    let much = *[70_000, 200_000, 1_100_000, 3_000_000].choose(rng).expect("some");
    match rng.random_range(0..6) {
        0 => ("one header", format!("X-Long: {}\r\n", "x".repeat(much))),
        1 => ("a name", format!("{}: x\r\n", "x".repeat(much))),
        2 => ("many headers", "X-Many: 1\r\n".repeat(much / 11)),
        3 => (
            "many names",
            (0..much / 14).map(|n| format!("X-{n:06}: 1\r\n")).collect::<Vec<_>>().concat(),
        ),
        4 => ("a cookie", format!("Cookie: better-auth.session_token={}\r\n", "x".repeat(much))),
        _ => ("many cookies", format!("Cookie: {}\r\n", "a=b; ".repeat(much / 5))),
    }
}

#[tokio::test]
async fn a_head_without_end_is_refused() {
    let (seed, mut rng) = dice();
    for _ in 0..60 {
        let (what, lines) = oversized(&mut rng);
        let path = ["/api/public", "/api/auth/get-session", "/nowhere"].choose(&mut rng);
        let path = path.expect("some");
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n");
        if let Some(answer) = ask(request.as_bytes()).await {
            let refused = matches!(answer.status, 400 | 431);
            assert!(refused, "seed {seed}: {what} of {}: {}", lines.len(), answer.status);
        }
    }
    for length in [70_000, 200_000, 2_000_000] {
        let request =
            format!("GET /api/public/{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "x".repeat(length));
        if let Some(answer) = ask(request.as_bytes()).await {
            assert!(matches!(answer.status, 400 | 414 | 431), "{length}: {}", answer.status);
        }
    }
}

#[tokio::test]
async fn what_a_browser_may_have_gathered_is_not_too_much() {
    let user = user().await;
    let mut line = Line::new().await;
    let jar: Vec<_> = (0..180).map(|n| format!("cookie-{n}={}; ", "v".repeat(100))).collect();
    let good = cookie_line(&user);
    let cookies = good.replacen("Cookie: ", &format!("Cookie: {}", jar.concat()), 1);
    let request = format!("GET /api/request HTTP/1.1\r\nHost: localhost\r\n{cookies}\r\n");
    let seen = line.ask(request.as_bytes()).await.expect("an answer").expect(200).json();
    assert_eq!(seen["claims"]["sub"], user.id);
}

#[tokio::test]
async fn a_body_that_says_it_is_too_long_is_refused_before_it_comes() {
    let (seed, mut rng) = dice();
    for _ in 0..100 {
        let (path, limit) = *[
            ("/api/auth/sign-in/email", 64 * 1024_u64),
            ("/api/auth/list-sessions", 64 * 1024),
            ("/api/setup", 64 * 1024),
            ("/api/public", 1024 * 1024),
        ]
        .choose(&mut rng)
        .expect("some");
        let length = match rng.random_range(0..4) {
            0 => limit + 1,
            1 => 100 * 1024 * 1024,
            2 => u64::from(u32::MAX) + rng.random_range(0..9),
            _ => rng.random_range(limit + 1..u64::MAX / 4),
        };
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n"
        );
        let answer = ask(request.as_bytes()).await.expect("an answer");
        assert_eq!(answer.status, 413, "seed {seed}: {request}");
        assert_eq!(answer.header("connection"), Some("close"), "seed {seed}: {request}");
    }
}

#[tokio::test]
async fn a_body_that_does_not_say_its_length_ends_at_the_limit() {
    for (path, limit) in [("/api/auth/sign-in/email", 64 * 1024), ("/api/public", 1024 * 1024)] {
        let mut wire = Wire::open(&shared().await.gateway_url).await;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        );
        wire.send(head.as_bytes()).await;
        let chunk = format!("1000\r\n{}\r\n", "x".repeat(0x1000));
        for _ in 0..=limit / 0x1000 + 16 {
            if !wire.send(chunk.as_bytes()).await {
                break;
            }
        }
        match wire.answer().await {
            Ok(answer) => assert_eq!(answer.status, 413, "{path}: {answer:?}"),
            Err(silence) => assert_eq!(silence, Silence::Closed, "{path}"),
        }
    }
}

/// Nested as deep as a body is long, in each way in which JSON can be nested.
#[tokio::test]
async fn a_deep_body_is_refused_not_suffered() {
    let mut line = Line::new().await;
    let urls = shared().await;
    for depth in [33, 129, 1000, 30_000] {
        for (open, shut) in [("[", "]"), ("{\"a\":", "}"), ("{\"email\":[", "]}")] {
            let depth = depth.min(60_000 / (open.len() + shut.len()));
            let nested = format!("{}1{}", open.repeat(depth), shut.repeat(depth));
            for body in [nested.clone(), open.repeat(depth), format!("{{\"email\":{nested}}}")] {
                let request = format!(
                    "POST /api/auth/sign-in/email HTTP/1.1\r\nHost: localhost\r\nOrigin: {}\r\n\
                     Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
                    urls.frontend_url,
                    body.len()
                );
                let answer = line.ask(request.as_bytes()).await.expect("an answer");
                assert_eq!(answer.status, 400, "{depth} of {open}: {answer:?}");
            }
        }
    }
}
