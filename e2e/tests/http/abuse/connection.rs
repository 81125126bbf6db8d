//! `Connection:` as a way to take headers off, or to keep them (HD3).

use e2e::{Silence, User, dice};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::{Line, as_a_script_sees, cookie_line, user};

const REQUESTS: usize = 2000;

const NAMES: [&str; 20] = [
    "X-User-Id",
    "X-User-Email",
    "X-User-Role",
    "X-Session-Id",
    "X-Identity-Token",
    "X-Request-Id",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "Host",
    "Cookie",
    "Content-Length",
    "Transfer-Encoding",
    "TE",
    "Trailer",
    "Keep-Alive",
    "Proxy-Connection",
    "Connection",
    "Upgrade",
    "X-Mine",
];

fn tokens(rng: &mut StdRng) -> String {
    let mut tokens = String::new();
    for _ in 0..rng.random_range(1..6) {
        let name: String = NAMES
            .choose(rng)
            .expect("some")
            .chars()
            .map(|c| match (c, rng.random_range(0..4)) {
                ('-', 0) => '_',
                (c, 1) => c.to_ascii_uppercase(),
                (c, 2) => c.to_ascii_lowercase(),
                (c, _) => c,
            })
            .collect();
        tokens += &name;
        tokens += [",", ", ", " ,\t", ",,", ", ", ",", ";", "\", "].choose(rng).expect("some");
    }
    tokens
}

fn request(user: &User, rng: &mut StdRng) -> String {
    let names = ["Connection", "connection", "CONNECTION", "Proxy-Connection", "Keep-Alive"];
    let mut lines = vec![cookie_line(user), "X-Mine: 1\r\n".to_owned()];
    for _ in 0..rng.random_range(1..4) {
        let name = names.choose(rng).expect("some");
        let line = format!("{name}: {}\r\n", tokens(rng));
        lines.insert(rng.random_range(0..=lines.len()), line);
    }
    for name in &NAMES[..5] {
        if rng.random_bool(0.3) {
            lines.push(format!("{name}: forged\r\n"));
        }
    }
    format!("GET /api/request HTTP/1.1\r\nHost: localhost\r\n{}\r\n", lines.concat())
}

/// Whatever a client wants to be hop-by-hop: an upstream sees each name of ours
/// once, with our word.
#[tokio::test]
async fn no_connection_header_takes_our_word_away_or_lets_anothers_through() {
    let user = user().await;
    let (seed, mut rng) = dice();
    let (mut line, mut passed) = (Line::new().await, 0);
    for _ in 0..REQUESTS {
        let request = request(&user, &mut rng);
        let answer = match line.ask(request.as_bytes()).await {
            Ok(answer) => answer,
            Err(silence) => {
                assert_eq!(silence, Silence::Closed, "seed {seed}: {request}");
                continue;
            }
        };
        if answer.status != 200 {
            assert_eq!(answer.status, 400, "seed {seed}: {request} {answer:?}");
            continue;
        }
        let echo = as_a_script_sees(&answer.json());
        assert_eq!(echo["x_user_id"], [user.id.as_str()], "seed {seed}: {request}");
        assert_eq!(echo["x_user_email"], [user.email.as_str()], "seed {seed}: {request}");
        assert_eq!(echo["x_user_role"], ["user"], "seed {seed}: {request}");
        for name in ["x_session_id", "x_identity_token", "x_request_id", "host"] {
            let values = &echo[name];
            let one = values.len() == 1 && values[0] != "forged";
            assert!(one, "seed {seed}: {name} {values:?}: {request}");
        }
        assert_eq!(echo["x_forwarded_for"], ["127.0.0.1"], "seed {seed}: {request}");
        passed += 1;
    }
    assert!(passed > REQUESTS / 10, "seed {seed}: only {passed} got through to be looked at");
}
