//! Paths that two servers could read in two ways (PA1 to PA5).

use std::collections::BTreeSet;

use e2e::{Answer, Silence, dice};
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::Line;

const LINES: usize = 4;
const PATHS_OF_A_LINE: usize = 2500;

const KNOWN: [&str; 16] = [
    "/api/public",
    "/api/public",
    "/api/public/x",
    "/api/servers",
    "/api/request",
    "/api/admin-area",
    "/api/auth/ok",
    "/api/auth/get-session",
    "/api/auth/list-sessions",
    "/api/auth/admin/list-users",
    "/api/auth/two-factor/enable",
    "/api/setup",
    "/api/admin/status",
    "/api/ws/token",
    "/health",
    "/.well-known/jwks.json",
];

/// Where a stranger may get a 200. Nothing that is spelled in another way may.
const OPEN: [&str; 9] = [
    "/api/auth/ok",
    "/api/auth/get-session",
    "/api/auth/open-api/generate-schema",
    "/api/auth/reference",
    "/api/auth/error",
    "/api/admin/status",
    "/api/public",
    "/health",
    "/.well-known/jwks.json",
];

/// The example application's routes that ask for no session.
const PUBLIC: [&str; 3] = ["/api/public", "/api/ws", "/page"];

const TRICKS: [&str; 58] = [
    "/",
    "//",
    "///",
    "/./",
    "/../",
    "/.",
    "/..",
    "./",
    "../",
    "/.../",
    "/..;/",
    "/..;x=y/",
    "/.;/",
    "/;/",
    ";",
    ";/",
    ";a=b",
    "\\",
    "\\..\\",
    "/..\\",
    "\\\\",
    "%2f",
    "%2F",
    "%5c",
    "%5C",
    "%2e",
    "%2E",
    "%2e%2e",
    "/%2e%2e/",
    "/%2e./",
    "/.%2e/",
    "/%2e%2e;/",
    "%2f..%2f",
    "%252f",
    "%252e%252e",
    "%25",
    "%00",
    "%0a",
    "%0d%0a",
    "%09",
    "%20",
    "%3b",
    "%3f",
    "%23",
    "?",
    "#",
    "#/../",
    "?/../",
    "%",
    "%zz",
    "%2",
    "%u002f",
    "%c0%ae",
    "%c0%af",
    "%ef%bc%8f",
    "%e2%80%ae",
    "\u{ff0f}",
    "\u{e9}",
];

const QUERIES: [&str; 15] = [
    "/../", "?", "&path=", "%2f..%2f", "%23", "%00", "\\", ";", "=", "&", "//", "..", "%", "+", "'",
];

fn path(rng: &mut StdRng) -> Vec<u8> {
    let known = |rng: &mut StdRng| (*KNOWN.choose(rng).expect("some")).to_owned();
    let trick = |rng: &mut StdRng| *TRICKS.choose(rng).expect("some");
    match rng.random_range(0..8) {
        0 => format!("{}{}{}", known(rng), trick(rng), &known(rng)[1..]).into_bytes(),
        1 => {
            let up = trick(rng).repeat(rng.random_range(1..4));
            format!("/api/public{up}{}", &known(rng)[5..]).into_bytes()
        }
        2 => random_bytes(rng),
        3 => {
            let pieces = (0..rng.random_range(1..8))
                .map(|_| if rng.random_bool(0.5) { trick(rng).to_owned() } else { known(rng) });
            pieces.collect::<String>().into_bytes()
        }
        _ => mutated(known(rng).into_bytes(), rng),
    }
}

fn random_bytes(rng: &mut StdRng) -> Vec<u8> {
    let alphabet = b"abAB01/.%;\\?#-_~ \t:@&=+$,!*'()\"<>[]{}|^`\x00\x7f\xc3\xa9\xff";
    let mut path = b"/".to_vec();
    path.extend((0..rng.random_range(0..40)).map(|_| *alphabet.choose(rng).expect("some")));
    path
}

fn mutated(mut path: Vec<u8>, rng: &mut StdRng) -> Vec<u8> {
    for _ in 0..rng.random_range(1..4) {
        let at = rng.random_range(0..path.len());
        let byte = path[at];
        match rng.random_range(0..6) {
            0 => {
                let trick = TRICKS.choose(rng).expect("some").bytes();
                path.splice(at..at, trick);
            }
            1 => {
                path.splice(at..=at, format!("%{byte:02x}").into_bytes());
            }
            2 => {
                path.splice(at..=at, format!("%25{byte:02X}").into_bytes());
            }
            3 => path[at] = byte.to_ascii_uppercase(),
            4 if path.len() > 2 => {
                path.remove(at);
            }
            _ => path.push(*b"/.; %\\?#x".choose(rng).expect("some")),
        }
    }
    path
}

/// Everything that a lenient server could make of a path.
fn readings(path: &str) -> BTreeSet<String> {
    let mut readings = BTreeSet::from([path.to_owned()]);
    loop {
        let more: BTreeSet<_> = readings.iter().flat_map(|path| one_step(path)).collect();
        let before = readings.len();
        readings.extend(more);
        if readings.len() == before || readings.len() > 500 {
            return readings;
        }
    }
}

fn one_step(path: &str) -> Vec<String> {
    let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy().into_owned();
    let without_parameters: Vec<_> =
        path.split('/').map(|segment| segment.split(';').next().unwrap_or_default()).collect();
    let cut = |at: &[char]| path.split(at).next().unwrap_or_default().to_owned();
    vec![
        decoded,
        path.replace('\\', "/"),
        path.replace("//", "/"),
        without_parameters.join("/"),
        without_dots(path),
        cut(&['?']),
        cut(&['#']),
        cut(&['\0']),
        path.replace(|c: char| c.is_control(), ""),
        path.trim_end().to_owned(),
    ]
}

/// RFC 3986, 5.2.4.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/').skip(1) {
        match segment {
            "." => {}
            ".." => drop(kept.pop()),
            segment => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// The open route of the application that a path is below.
fn public_route(path: &str) -> Option<&'static str> {
    PUBLIC.into_iter().find(|route| {
        let rest = path.strip_prefix(route);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Our own answers have a policy for content; the example application's have none.
fn is_from_the_application(answer: &Answer) -> bool {
    !answer.headers.contains_key("content-security-policy")
}

fn judge(target: &[u8], answer: &Answer) -> Result<(), String> {
    if !matches!(answer.status, 200 | 302 | 400 | 401 | 404 | 405) {
        return Err(format!("status {}", answer.status));
    }
    let target = String::from_utf8_lossy(target);
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let by_pingora = answer.header("server").is_some();
    if !by_pingora && is_from_the_application(answer) {
        let route = public_route(path);
        let astray = |reading: &String| route.is_none() || public_route(reading) != route;
        let elsewhere = readings(path).into_iter().find(astray);
        if let Some(elsewhere) = elsewhere {
            return Err(format!("a public route, but it also reads {elsewhere:?}"));
        }
        if answer.status == 200 && answer.json()["path"] != path {
            return Err("the application was asked for another path".to_owned());
        }
    } else if answer.status == 200 && !OPEN.contains(&path) {
        return Err("a stranger was let in".to_owned());
    }
    Ok(())
}

#[derive(Default)]
struct Seen {
    ours: usize,
    applications: usize,
    refused: usize,
}

async fn try_paths(seed: u64, mut rng: StdRng) -> Seen {
    let (mut line, mut tally) = (Line::new().await, Seen::default());
    for _ in 0..PATHS_OF_A_LINE {
        let target = path(&mut rng);
        let request = [b"GET ", &target[..], b" HTTP/1.1\r\nHost: localhost\r\n\r\n"].concat();
        let shown = String::from_utf8_lossy(&target);
        match line.ask(&request).await {
            Ok(answer) => {
                assert_eq!(judge(&target, &answer), Ok(()), "seed {seed}: {shown:?} {answer:?}");
                match answer.status {
                    400 => tally.refused += 1,
                    200 if is_from_the_application(&answer) => tally.applications += 1,
                    _ => tally.ours += 1,
                }
            }
            Err(silence) => assert_eq!(silence, Silence::Closed, "seed {seed}: {shown:?}"),
        }
    }
    tally
}

#[tokio::test]
async fn of_10000_odd_paths_none_has_two_readings_and_none_opens_a_door() {
    let (seed, mut rng) = dice();
    let lines = (0..LINES).map(|_| {
        let rng = rand::SeedableRng::seed_from_u64(rng.random());
        tokio::spawn(try_paths(seed, rng))
    });
    let mut total = Seen::default();
    for line in futures_util::future::join_all(lines).await {
        let tally = line.expect("judged");
        total.ours += tally.ours;
        total.applications += tally.applications;
        total.refused += tally.refused;
    }
    let Seen { ours, applications, refused } = total;
    assert!(ours > 500 && applications > 50 && refused > 500, "{ours}, {applications}, {refused}");
}

#[tokio::test]
async fn what_stands_behind_a_question_mark_decides_nothing() {
    let (seed, mut rng) = dice();
    let mut line = Line::new().await;
    for _ in 0..1000 {
        let (path, expected) = *[
            ("/api/public", 200),
            ("/api/servers", 401),
            ("/api/admin-area", 401),
            ("/nowhere", 404),
            ("/api/auth/list-sessions", 401),
            ("/api/auth/nowhere", 404),
        ]
        .choose(&mut rng)
        .expect("some");
        let pieces = KNOWN.iter().chain(&QUERIES).collect::<Vec<_>>();
        let query: String =
            (0..rng.random_range(0..4)).map(|_| **pieces.choose(&mut rng).expect("some")).collect();
        let request = format!("GET {path}?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = line.ask(request.as_bytes()).await.expect("an answer");
        assert_eq!(answer.status, expected, "seed {seed}: {request} {answer:?}");
        if expected == 200 {
            let echo = answer.json();
            assert_eq!(echo["path"], path, "seed {seed}: {request}");
            assert_eq!(echo["query"], query, "seed {seed}: {request}");
        }
    }
}

/// Another spelling of a route is no route, so it has no count of its own that one
/// could ask by (PA2, PA3).
#[tokio::test]
async fn a_route_in_another_case_or_with_more_slashes_is_none() {
    let (seed, mut rng) = dice();
    let mut line = Line::new().await;
    for _ in 0..500 {
        let route = KNOWN.choose(&mut rng).expect("some");
        let mut other: String = route
            .chars()
            .map(|c| if rng.random_bool(0.3) { c.to_ascii_uppercase() } else { c })
            .collect();
        if rng.random_bool(0.3) {
            let slash = other.match_indices('/').map(|(at, _)| at).collect::<Vec<_>>();
            other.insert(*slash.choose(&mut rng).expect("some"), '/');
        }
        if other == *route || public_route(&other).is_some() {
            continue;
        }
        let request = format!("GET {other} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let answer = line.ask(request.as_bytes()).await.expect("an answer");
        let expected =
            if other.contains("//") && !other.starts_with("/api/auth") { 400 } else { 404 };
        assert_eq!(answer.status, expected, "seed {seed}: {other}: {answer:?}");
    }
}
