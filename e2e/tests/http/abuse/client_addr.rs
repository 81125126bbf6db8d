//! Callers who lie about where they are (HD5).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use e2e::dice;
use rand::{RngExt, rngs::StdRng, seq::IndexedRandom};

use super::Line;

const REQUESTS: usize = 2000;

/// What stands between two commas, and the address it is, if it is one. The judge
/// does not read it: whoever wrote it knows.
struct Hop {
    text: String,
    address: Option<IpAddr>,
}

fn hop(rng: &mut StdRng) -> Hop {
    let address = match rng.random_range(0..4) {
        // The trusted proxies of the stack: all of loopback.
        0 => IpAddr::V4(Ipv4Addr::new(127, rng.random(), rng.random(), rng.random())),
        1 => IpAddr::V6(Ipv6Addr::LOCALHOST),
        2 => IpAddr::V4(Ipv4Addr::from_bits(rng.random())),
        _ => IpAddr::V6(Ipv6Addr::from_bits(rng.random())),
    };
    if rng.random_bool(0.25) {
        return Hop { text: garbage(address, rng), address: None };
    }
    let text = spelled(address, rng);
    let text = match rng.random_range(0..4) {
        0 => format!(" {text}"),
        1 => format!("\t{text} "),
        _ => text,
    };
    Hop { text, address: Some(address) }
}

/// One of the ways in which an address may be written (RFC 4291, 2.2).
fn spelled(address: IpAddr, rng: &mut StdRng) -> String {
    match address {
        IpAddr::V4(v4) => match rng.random_range(0..4) {
            0 => format!("::ffff:{v4}"),
            1 => format!("::FFFF:{:x}:{:x}", v4.to_bits() >> 16, v4.to_bits() & 0xffff),
            _ => v4.to_string(),
        },
        IpAddr::V6(v6) => {
            if rng.random_bool(0.5) {
                return v6.to_string();
            }
            let written = |group: u16| match rng.random_range(0..3) {
                0 => format!("{group:04x}"),
                1 => format!("{group:X}"),
                _ => format!("{group:x}"),
            };
            v6.segments().map(written).join(":")
        }
    }
}

/// What is no address, though some parser somewhere might take it for one.
fn garbage(address: IpAddr, rng: &mut StdRng) -> String {
    let bits = match address {
        IpAddr::V4(v4) => v4.to_bits(),
        IpAddr::V6(_) => rng.random(),
    };
    let [a, b, c, d] = bits.to_be_bytes();
    let forms = [
        String::new(),
        " ".to_owned(),
        "unknown".to_owned(),
        "_hidden".to_owned(),
        "localhost".to_owned(),
        "-".to_owned(),
        format!("{bits}"),
        format!("0x{bits:08x}"),
        format!("{a}.{b}.{c}"),
        format!("{a}.{b}.{c}.{d}.1"),
        format!("0{a}.{b}.{c}.{d}"),
        format!("{a}.{b}.{c}.256"),
        format!("{a}. {b}.{c}.{d}"),
        format!("{a}.{b}.{c}.{d}:80"),
        format!("{a}.{b}.{c}.{d}/8"),
        format!("\"{a}.{b}.{c}.{d}\""),
        format!("{a}.{b}.{c}.{d};x"),
        format!("{a}.{b}.{c}.{d}\u{a0}"),
        format!("for={a}.{b}.{c}.{d}"),
        format!("[{address}]"),
        format!("[{address}]:443"),
        format!("{address}%eth0"),
        ":::1".to_owned(),
        "::1::".to_owned(),
        "1:2:3:4:5:6:7:8:9".to_owned(),
        "12345::".to_owned(),
        "127.0.0.1\u{0}".replace('\0', "\u{b}"),
        "x".repeat(rng.random_range(1..300)),
    ];
    forms.choose(rng).expect("some").clone()
}

/// From the right, through proxies we trust, to the first that is none; what is no
/// address is as far as we can see.
fn expected(hops: &[Hop]) -> IpAddr {
    let mut caller = IpAddr::V4(Ipv4Addr::LOCALHOST);
    for hop in hops.iter().rev() {
        let trusted = match caller {
            IpAddr::V4(v4) => v4.octets()[0] == 127,
            IpAddr::V6(v6) => v6 == Ipv6Addr::LOCALHOST,
        };
        match hop.address {
            Some(address) if trusted => caller = address,
            _ => break,
        }
    }
    // `::ffff:1.2.3.4` is 1.2.3.4; a random one of them is as good as impossible.
    caller
}

#[tokio::test]
async fn an_address_is_believed_as_far_as_our_own_proxies_tell_it() {
    let (seed, mut rng) = dice();
    let mut line = Line::new().await;
    let names = ["X-Forwarded-For", "x-forwarded-for", "X-FORWARDED-FOR"];
    let (mut looked_at, mut through) = (0, 0);
    for _ in 0..REQUESTS {
        let hops: Vec<_> = (0..rng.random_range(0..6)).map(|_| hop(&mut rng)).collect();
        let mut lines = String::new();
        for (at, hop) in hops.iter().enumerate() {
            // Each comma may as well be a line of its own (RFC 9110, 5.3).
            if at > 0 && rng.random_bool(0.7) {
                lines.push(',');
            } else {
                lines.push_str(if at == 0 { "" } else { "\r\n" });
                lines.push_str(names.choose(&mut rng).expect("some"));
                lines.push_str(": ");
            }
            lines.push_str(&hop.text);
        }
        let end = if hops.is_empty() { "" } else { "\r\n" };
        let request = format!("GET /api/public HTTP/1.1\r\nHost: localhost\r\n{lines}{end}\r\n");
        let answer = line.ask(request.as_bytes()).await.expect("an answer");
        if answer.status == 400 {
            // A control character is no part of a header.
            assert!(lines.contains('\u{b}'), "seed {seed}: {request}");
            continue;
        }
        let echo = answer.expect(200).json()["headers"]["x-forwarded-for"].clone();
        let expected = expected(&hops).to_string();
        assert_eq!(echo, serde_json::json!([expected]), "seed {seed}: {request}");
        looked_at += 1;
        through += usize::from(expected != "127.0.0.1");
    }
    assert!(looked_at > REQUESTS / 2 && through > REQUESTS / 5, "{looked_at}, {through}");
}
