//! The session cookie against those who would make one themselves.

use auth_types::SessionToken;
use contract::{
    RootSecrets,
    cookies::{Cookies, Remember},
};
use e2e::{Answer, Browser, PASSWORD, User, shared};
use futures_util::{StreamExt, stream};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use reqwest::Method;
use serde_json::json;

const NAME: &str = "better-auth.session_token";
const GET_SESSION: &str = "/api/auth/get-session";
const ATTEMPTS: usize = 10_000;
const AT_ONCE: usize = 64;

/// What a forger could have in hand: two sessions, and a cookie of ours that is no session.
struct Loot {
    token: String,
    signature: String,
    other_signature: String,
    wish: String,
    foreign: String,
}

impl Loot {
    async fn gather(user: &User) -> Self {
        let urls = shared().await;
        let other = Browser::new(&urls).sign_up().await;
        let mut short = Browser::new(&urls);
        let body = json!({ "email": other.email, "password": PASSWORD, "rememberMe": false });
        short.post("/api/auth/sign-in/email", &body).await.expect(200);
        let signature =
            |cookie: &str| decoded(cookie).split_once('.').expect("signed").1.to_owned();
        Self {
            token: user.token.clone(),
            signature: signature(user.browser.session_cookie()),
            other_signature: signature(other.browser.session_cookie()),
            wish: short.cookies["better-auth.dont_remember"].clone(),
            foreign: signed_by_another(&user.token),
        }
    }

    fn value(&self) -> String {
        format!("{}.{}", self.token, self.signature)
    }
}

fn decoded(cookie: &str) -> String {
    percent_decode_str(cookie).decode_utf8_lossy().into_owned()
}

fn encoded(value: &str) -> String {
    utf8_percent_encode(value, NON_ALPHANUMERIC).to_string()
}

/// A cookie that is right in everything but the secret.
fn signed_by_another(token: &str) -> String {
    let secrets = RootSecrets::parse("another-secret-of-good-length-0123456789").expect("fit");
    let token = SessionToken::parse(token).expect("a token");
    let lines = Cookies::new(&secrets, false).set_session(&token, Remember::Yes, Remember::Yes);
    let value =
        lines[0].strip_prefix("better-auth.session_token=").and_then(|line| line.split(';').next());
    value.expect("a cookie").to_owned()
}

/// A `Cookie` header that is nearly good.
fn forge(loot: &Loot, rng: &mut StdRng) -> String {
    let good = loot.value();
    let junk = |rng: &mut StdRng, length: usize| -> String {
        (0..length)
            .map(|_| char::from(rng.random_range(b'!'..=b'~')))
            .filter(|c| !";\"".contains(*c))
            .collect()
    };
    let value = match rng.random_range(0..14) {
        0 => flipped(&good, rng),
        1 => encoded(&good[..rng.random_range(0..good.len())]),
        2 => encoded(&good[rng.random_range(1..good.len())..]),
        3 => encoded(&format!("{}{good}", char::from(rng.random_range(b'!'..=b'~')))),
        4 => encoded(&format!(
            "{good}{}",
            ["=", ".", " x", "A", "\0", ".x", "=="].choose(rng).expect("some")
        )),
        5 => encoded(&format!("{}.{}", loot.token, loot.other_signature)),
        6 => encoded(&format!("{}.{}", swapped(&loot.token, rng), loot.signature)),
        7 => encoded(&encoded(&good)),
        8 => loot.foreign.clone(),
        9 => loot.wish.clone(),
        10 => encoded(&swapped(&good, rng)),
        11 => format!("\"{good}"),
        12 => {
            let length = rng.random_range(0..4000);
            junk(rng, length)
        }
        _ => {
            let mut cut = encoded(&good);
            cut.insert(rng.random_range(0..cut.len()), '%');
            cut
        }
    };
    match rng.random_range(0..8) {
        // Whatever stands first counts, also when a good one follows.
        0 => format!("{NAME}={value}; {NAME}={}", encoded(&good)),
        1 => format!("{NAME}=; {NAME}={value}"),
        2 => format!("theme=dark; {NAME} = {value} ;;; =; x"),
        3 => {
            let misnamed = [
                "Better-Auth.session_token",
                "better-auth.session_tokens",
                "better-auth_session_token",
                "session_token",
            ];
            format!("{}={}", misnamed.choose(rng).expect("some"), encoded(&good))
        }
        4 => format!("__Secure-{NAME}={}", encoded(&good)),
        _ => format!("{NAME}={value}"),
    }
}

/// One bit of one byte is another.
fn flipped(good: &str, rng: &mut StdRng) -> String {
    let mut bytes = good.as_bytes().to_vec();
    let at = rng.random_range(0..bytes.len());
    bytes[at] ^= 1 << rng.random_range(0..8);
    percent_encoding::percent_encode(&bytes, NON_ALPHANUMERIC).to_string()
}

/// One letter is another.
fn swapped(good: &str, rng: &mut StdRng) -> String {
    let at = rng.random_range(0..good.len());
    let others = ('a'..='z').filter(|letter| !good[at..].starts_with(*letter)).collect::<Vec<_>>();
    let mut changed = good.to_owned();
    changed.replace_range(at..=at, &others.choose(rng).expect("some").to_string());
    changed
}

async fn ask_with(browser: &Browser, cookie: &str) -> Answer {
    let mut browser = browser.clone();
    let request = browser.request(Method::GET, GET_SESSION).header("cookie", cookie);
    browser.send(request).await
}

#[tokio::test]
async fn of_10000_forged_cookies_none_is_a_session_and_none_breaks_anything() {
    let mut user = Browser::new(&shared().await).sign_up().await;
    let loot = Loot::gather(&user).await;
    let seed = rand::rng().random();
    let mut rng = StdRng::seed_from_u64(seed);
    let cookies: Vec<_> = (0..ATTEMPTS).map(|_| forge(&loot, &mut rng)).collect();

    let stranger = Browser::new(&shared().await);
    let ask = |cookie: String| {
        let stranger = &stranger;
        async move { (ask_with(stranger, &cookie).await, cookie) }
    };
    let mut answers = stream::iter(cookies).map(ask).buffer_unordered(AT_ONCE);
    let mut asked = 0;
    while let Some((answer, cookie)) = answers.next().await {
        assert_eq!((answer.status, answer.body.as_str()), (200, "null"), "seed {seed}: {cookie}");
        assert!(answer.set_cookies().is_empty(), "seed {seed}: {cookie}");
        asked += 1;
    }
    assert_eq!(asked, ATTEMPTS);
    assert!(user.browser.is_signed_in().await);
}

#[tokio::test]
async fn no_proper_prefix_of_a_cookie_is_one() {
    let user = Browser::new(&shared().await).sign_up().await;
    let stranger = Browser::new(&shared().await);
    let encoded = user.browser.session_cookie().to_owned();
    for whole in [decoded(&encoded), encoded] {
        assert_ne!(ask_with(&stranger, &format!("{NAME}={whole}")).await.body, "null");
        let asked = (0..whole.len()).map(|length| {
            let (stranger, prefix) = (&stranger, &whole[..length]);
            async move { (prefix, ask_with(stranger, &format!("{NAME}={prefix}")).await) }
        });
        for (prefix, answer) in futures_util::future::join_all(asked).await {
            assert_eq!((answer.status, answer.body.as_str()), (200, "null"), "{prefix}");
        }
    }
}

#[tokio::test]
async fn a_bare_token_is_not_a_cookie() {
    let user = Browser::new(&shared().await).sign_up().await;
    let stranger = Browser::new(&shared().await);
    for value in
        [user.token.clone(), format!("{}.", user.token), format!("{}.{}", user.token, user.token)]
    {
        let answer = ask_with(&stranger, &format!("{NAME}={value}")).await;
        assert_eq!(answer.body, "null", "{value}");
    }
}

#[tokio::test]
async fn every_spelling_of_a_good_cookie_is_read() {
    let user = Browser::new(&shared().await).sign_up().await;
    let stranger = Browser::new(&shared().await);
    let raw = decoded(user.browser.session_cookie());
    let each_encoded: Vec<_> = raw.bytes().map(|byte| format!("%{byte:02x}")).collect();
    for cookie in [
        format!("{NAME}={raw}"),
        format!("{NAME}={}", encoded(&raw)),
        format!("{NAME}={}", each_encoded.concat()),
        format!("{NAME}=\"{raw}\""),
        format!("  a=b ;{NAME}  =  {raw}  "),
        format!("{NAME}={raw}; {NAME}=x"),
    ] {
        let answer = ask_with(&stranger, &cookie).await;
        assert_ne!(answer.body, "null", "{cookie}");
    }
}

#[tokio::test]
async fn a_cookie_may_come_in_a_header_of_its_own() {
    let user = Browser::new(&shared().await).sign_up().await;
    let mut stranger = Browser::new(&shared().await);
    let good = format!("{NAME}={}", user.browser.session_cookie());
    let request =
        stranger.request(Method::GET, GET_SESSION).header("cookie", "a=b").header("cookie", good);
    assert_ne!(stranger.send(request).await.body, "null");
}

#[tokio::test]
async fn a_header_of_cookies_without_end_is_refused_not_suffered() {
    let mut browser = Browser::new(&shared().await);
    for length in [16 * 1024, 60 * 1024, 1024 * 1024] {
        let junk = format!("{NAME}={}", "x".repeat(length));
        let request = browser.request(Method::GET, GET_SESSION).header("cookie", junk);
        // A server may also close the connection on somebody who does not stop.
        if let Ok(answer) = request.send().await {
            let status = answer.status();
            assert!(status.is_success() || status.is_client_error(), "{length}: {status}");
        }
    }
    assert_eq!(browser.get(GET_SESSION).await.expect(200).body, "null");
}
