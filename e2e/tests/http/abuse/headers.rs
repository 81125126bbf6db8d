//! Callers who name themselves (HD1, HD2).

use e2e::{Silence, User, dice};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};
use serde_json::Value;

use super::{Line, as_a_script_sees, cookie_line, folded, user};

const REQUESTS: usize = 2000;
const FORGED: &str = "forged";

/// What an upstream believes, if we say it.
const IDENTITY: [&str; 5] =
    ["X-User-Id", "X-User-Email", "X-User-Role", "X-Session-Id", "X-Identity-Token"];
/// What it is told of the request, by us alone.
const OTHERS: [&str; 9] = [
    "X-Gateway-Key",
    "X-Client-Addr",
    "X-Real-Ip",
    "Forwarded",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
];
/// Every character besides letters and digits that a header's name may have
/// (RFC 9110, 5.6.2), and some that it may not.
const JOINTS: [&str; 22] = [
    "-", "_", "!", "#", "$", "%", "&", "'", "*", "+", ".", "^", "`", "|", "~", " ", ":", "/", "\0",
    "\t", "\u{2010}", "\u{ad}",
];

/// Another way to write a name.
fn spelled(name: &str, rng: &mut StdRng) -> String {
    let odd = rng.random_bool(0.3);
    let each = |letter: char| match letter {
        '-' if odd => (*JOINTS.choose(rng).expect("some")).to_owned(),
        '-' => ["-", "_"][usize::from(rng.random_bool(0.5))].to_owned(),
        letter if rng.random_bool(0.5) => letter.to_ascii_uppercase().to_string(),
        letter => letter.to_ascii_lowercase().to_string(),
    };
    name.chars().map(each).collect()
}

/// A line, or what some parser could take for one.
fn line(name: &str, rng: &mut StdRng) -> Vec<u8> {
    let mut line = match rng.random_range(0..30) {
        0 => format!("{name}:{FORGED}\r\n"),
        1 => format!("{name} : {FORGED}\r\n"),
        2 => format!("{name}\t: {FORGED}\r\n"),
        3 => format!(" {name}: {FORGED}\r\n"),
        4 => format!("{name}: a\r\n {FORGED}\r\n"),
        5 => format!("{name}:\r\n\t{FORGED}\r\n"),
        6 => format!("X-Odd: 1\n{name}: {FORGED}\r\n"),
        7 => format!("X-Odd: 1\r{name}: {FORGED}\r\n"),
        8 => format!("{name}: {FORGED}\r\n{name}: {FORGED} again\r\n"),
        9 => format!("{name}: {FORGED}{}\r\n", "x".repeat(rng.random_range(0..3000))),
        _ => format!("{name}: {FORGED}\r\n"),
    }
    .into_bytes();
    if rng.random_bool(0.05) {
        let at = rng.random_range(0..line.len());
        line[at] = rng.random();
    }
    line
}

fn request(path: &str, cookie: &str, rng: &mut StdRng) -> Vec<u8> {
    let mut request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n").into_bytes();
    let mut lines = vec![cookie.as_bytes().to_vec()];
    for _ in 0..rng.random_range(1..4) {
        let name = IDENTITY.iter().chain(&OTHERS).collect::<Vec<_>>();
        let name = spelled(name.choose(rng).expect("some"), rng);
        lines.insert(rng.random_range(0..=lines.len()), line(&name, rng));
    }
    request.extend(lines.concat());
    request.extend_from_slice(b"\r\n");
    request
}

/// An upstream saw what we say of the caller and nothing else.
fn judge(echo: &Value, caller: Option<&User>) -> Result<(), String> {
    let seen = as_a_script_sees(echo);
    for name in IDENTITY {
        let values = seen.get(&folded(name)).map_or(&[][..], Vec::as_slice);
        let expected = match (name, caller) {
            (_, None) => values.is_empty(),
            ("X-User-Id", Some(user)) => values == [user.id.as_str()],
            ("X-User-Email", Some(user)) => values == [user.email.as_str()],
            ("X-User-Role", Some(_)) => values == ["user"],
            (_, Some(_)) => values.len() == 1 && !values[0].contains(FORGED),
        };
        if !expected {
            return Err(format!("{name}: {values:?}"));
        }
    }
    let believed = OTHERS.map(folded);
    let lied = seen.iter().find(|(name, values)| {
        believed.contains(name) && (values.len() > 1 || values[0].contains(FORGED))
    });
    lied.map_or(Ok(()), |lie| Err(format!("{lie:?}")))
}

async fn in_no_spelling(path: &str, caller: Option<&User>) {
    let (seed, mut rng) = dice();
    let cookie = caller.map(cookie_line).unwrap_or_default();
    let (mut line, mut passed) = (Line::new().await, 0);
    for _ in 0..REQUESTS {
        let request = request(path, &cookie, &mut rng);
        let shown = String::from_utf8_lossy(&request);
        match line.ask(&request).await {
            Ok(answer) if answer.status == 200 => {
                let judged = judge(&answer.json(), caller);
                assert_eq!(judged, Ok(()), "seed {seed}: {shown}");
                passed += 1;
            }
            // A cookie may have been what was damaged.
            Ok(answer) => {
                assert!(matches!(answer.status, 400 | 401), "seed {seed}: {shown} {answer:?}");
            }
            Err(silence) => assert_eq!(silence, Silence::Closed, "seed {seed}: {shown}"),
        }
    }
    assert!(passed > REQUESTS / 4, "seed {seed}: only {passed} got through to be looked at");
}

#[tokio::test]
async fn a_stranger_names_nobody_in_any_spelling() {
    in_no_spelling("/api/public", None).await;
}

#[tokio::test]
async fn a_user_names_nobody_else_in_any_spelling() {
    in_no_spelling("/api/request", Some(&user().await)).await;
}
