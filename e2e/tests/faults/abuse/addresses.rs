//! One address in many spellings is one caller (RL1).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use e2e::{Browser, dice, own_stack};
use rand::{RngExt, rngs::StdRng};
use reqwest::Method;
use serde_json::json;

const CALLERS: usize = 40;
/// The fourth sign-in within ten seconds is refused.
const ALLOWED: usize = 3;

/// Another way to say where the same subscriber is: all of an IPv6 /64 is theirs.
fn respelled(caller: IpAddr, rng: &mut StdRng) -> String {
    match caller {
        IpAddr::V4(v4) => match rng.random_range(0..4) {
            0 => v4.to_string(),
            1 => format!("::ffff:{v4}"),
            2 => format!("0:0:0:0:0:FFFF:{:x}:{:X}", v4.to_bits() >> 16, v4.to_bits() & 0xffff),
            _ => format!(" {v4} , 127.0.0.1,127.9.9.9"),
        },
        IpAddr::V6(v6) => {
            let network = v6.to_bits() >> 64 << 64;
            let other = Ipv6Addr::from_bits(network | u128::from(rng.random::<u64>()));
            match rng.random_range(0..4) {
                0 => other.to_string(),
                1 => other.to_string().to_uppercase(),
                2 => other.segments().map(|group| format!("{group:04x}")).join(":"),
                _ => format!("6.6.6.6, {other}"),
            }
        }
    }
}

#[tokio::test]
async fn no_spelling_of_an_address_has_a_count_of_its_own() {
    let (stack, _dir) = own_stack(&[("RATE_LIMIT", "on")]).await;
    let (seed, mut rng) = dice();
    let mut browser = Browser::new(stack.urls());
    for _ in 0..CALLERS {
        let caller = if rng.random_bool(0.5) {
            IpAddr::V4(Ipv4Addr::new(203, rng.random(), rng.random(), rng.random()))
        } else {
            IpAddr::V6(Ipv6Addr::from_bits(0x2001 << 112 | rng.random::<u128>() >> 16))
        };
        let mut spellings = Vec::new();
        let mut statuses = Vec::new();
        for _ in 0..ALLOWED + 2 {
            let spelling = respelled(caller, &mut rng);
            let request = browser.request(Method::POST, "/api/auth/sign-in/email");
            let request = request.header("x-forwarded-for", &spelling);
            let answer =
                browser.send(request.json(&json!({ "email": "x", "password": "x" }))).await;
            statuses.push(answer.status);
            spellings.push(spelling);
        }
        assert_eq!(statuses, [400, 400, 400, 429, 429], "seed {seed}: {spellings:?}");
    }
    stack.shutdown().await;
}
