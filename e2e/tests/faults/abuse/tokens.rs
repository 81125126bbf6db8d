//! Signed statements in every forged form (JW1, JW2), and each where another belongs
//! (JW3). The test knows the root secret, so it also makes tokens that are rightly
//! signed and wrong in what they say.

use auth_types::{Clock, SystemClock};
use base64::{Engine, prelude::*};
use contract::{Purpose, RootSecrets, jwt::Signer};
use e2e::{Answer, Browser, StackDir, User, own_stack, text};
use ed25519_dalek::{Signer as _, SigningKey};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use reqwest::Method;
use serde_json::{Value, json};
use stack::{Process, Stack};

const SECRET: &str = "the-root-secret-of-this-test-0123456789";
/// The order of Ed25519's group, little-endian: a signature's second half plus this is
/// the same number to who does not look closely (RFC 8032, 5.1.7).
const ORDER: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

struct Bench {
    stack: Stack,
    _dir: StackDir,
    user: User,
    /// A good assertion about that user, and what it says.
    assertion: String,
    claims: Value,
    header: Value,
}

impl Bench {
    async fn new() -> Self {
        let (stack, dir) = own_stack(&[("BETTER_AUTH_SECRET", SECRET)]).await;
        let mut user = Browser::new(stack.urls()).sign_up().await;
        let seen = user.browser.get("/api/request").await.expect(200).json();
        let assertion = text(&seen["headers"]["x-identity-token"][0]).to_owned();
        let parts: Vec<_> = assertion.split('.').collect();
        let (header, claims) = (decoded(parts[0]), decoded(parts[1]));
        Self { stack, _dir: dir, user, assertion, claims, header }
    }

    /// What the application makes of an assertion that comes from nowhere.
    async fn panel(&self, token: &str) -> u16 {
        let panel = &self.stack.urls().admin[&Process::Panel];
        let request = reqwest::Client::new().get(format!("{panel}/api/request"));
        match request.header("x-identity-token", token).send().await {
            Ok(answer) => answer.status().as_u16(),
            // No header could hold it.
            Err(error) => {
                assert!(error.is_builder(), "{token:?}: {error}");
                401
            }
        }
    }

    async fn verify_email(&self, token: &str) -> Answer {
        let mut browser = Browser::new(self.stack.urls());
        let token =
            percent_encoding::utf8_percent_encode(token, percent_encoding::NON_ALPHANUMERIC);
        browser.get(&format!("/api/auth/verify-email?token={token}")).await
    }
}

fn secrets() -> RootSecrets {
    RootSecrets::parse(SECRET).expect("fit")
}

fn key(purpose: Purpose) -> SigningKey {
    SigningKey::from_bytes(&secrets().derive(purpose))
}

fn decoded(part: &str) -> Value {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(part).expect("base64url");
    serde_json::from_slice(&bytes).expect("JSON")
}

fn encoded(part: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(part.to_string())
}

/// A token with a right signature, whatever its header says.
fn signed(header: &Value, claims: &Value, key: &SigningKey) -> String {
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let signature = BASE64_URL_SAFE_NO_PAD.encode(key.sign(message.as_bytes()).to_bytes());
    format!("{message}.{signature}")
}

fn with(object: &Value, members: &[(&str, Value)]) -> Value {
    let mut changed = object.clone();
    for (name, value) in members {
        changed[*name] = value.clone();
    }
    changed
}

fn without(object: &Value, name: &str) -> Value {
    let mut changed = object.clone();
    changed.as_object_mut().expect("an object").remove(name);
    changed
}

/// Signed with a shared secret: everything that is public, and what one could try.
fn by_shared_secret(bench: &Bench, purpose: Purpose, claims: &Value) -> Vec<String> {
    let ours = key(purpose).verifying_key();
    let base64 = BASE64_URL_SAFE_NO_PAD.encode(ours.as_bytes());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": base64 }).to_string();
    let der = [&b"\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00"[..], ours.as_bytes()].concat();
    let pem = format!(
        "-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n",
        BASE64_STANDARD.encode(&der)
    );
    let kid = text(&bench.header["kid"]).to_owned();
    let guesses: Vec<Vec<u8>> = vec![
        Vec::new(),
        ours.as_bytes().to_vec(),
        base64.into_bytes(),
        jwk.into_bytes(),
        der,
        pem.trim_end().as_bytes().to_vec(),
        pem.into_bytes(),
        kid.clone().into_bytes(),
        b"secret".to_vec(),
        // Not public at all, and still no key of this kind.
        SECRET.as_bytes().to_vec(),
        secrets().derive(purpose).to_vec(),
    ];
    let mut tokens = Vec::new();
    for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
        for guess in &guesses {
            let header = Header { kid: Some(kid.clone()), ..Header::new(algorithm) };
            let token = encode(&header, claims, &EncodingKey::from_secret(guess)).expect("a token");
            // As it is, and under the algorithm that is expected.
            let rest = token.split_once('.').expect("parts").1;
            tokens.push(format!("{}.{rest}", encoded(&bench.header)));
            tokens.push(token);
        }
    }
    tokens
}

/// By somebody who has a key, but not ours, and offers it along.
fn by_a_key_of_their_own(bench: &Bench) -> Vec<String> {
    let theirs = SigningKey::from_bytes(&[7; 32]);
    let x = BASE64_URL_SAFE_NO_PAD.encode(theirs.verifying_key().as_bytes());
    let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "x": x, "kid": "theirs", "alg": "EdDSA" });
    let offers = [
        json!({}),
        json!({ "jwk": jwk }),
        json!({ "jwk": jwk, "kid": "theirs" }),
        json!({ "jku": "http://127.0.0.1:1/jwks.json" }),
        json!({ "x5u": "http://127.0.0.1:1/cert.pem" }),
        json!({ "x5c": ["MIIB"] }),
        json!({ "kid": "../../../../dev/null" }),
        json!({ "kid": "' OR '1'='1" }),
        json!({ "kid": "\u{0}" }),
        json!({ "kid": "" }),
        json!({ "kid": "x".repeat(20_000) }),
        json!({ "kid": null }),
        json!({ "kid": 1 }),
        json!({ "kid": ["a"] }),
        json!({ "kid": { "a": 1 } }),
    ];
    let headers = offers.map(|offer| {
        let mut header = bench.header.clone();
        let offered = offer.as_object().expect("an object").clone();
        header.as_object_mut().expect("an object").extend(offered);
        header
    });
    headers.iter().map(|header| signed(header, &bench.claims, &theirs)).collect()
}

/// Ours, with another name for the algorithm, or demands that nobody here understands.
fn with_another_header(bench: &Bench) -> Vec<String> {
    let ours = key(Purpose::IdentityAssertion);
    let algorithms = [
        "none", "None", "NONE", "nOnE", "", "HS256", "RS256", "PS256", "ES256", "eddsa", "EDDSA",
        "EdDSA ", "Ed448", "dir",
    ];
    let mut headers: Vec<_> =
        algorithms.map(|name| with(&bench.header, &[("alg", name.into())])).into();
    headers.push(without(&bench.header, "alg"));
    headers.push(with(&bench.header, &[("alg", json!(null))]));
    headers.push(with(&bench.header, &[("alg", json!(["EdDSA"]))]));
    headers.push(without(&bench.header, "kid"));
    let mut tokens: Vec<_> =
        headers.iter().map(|header| signed(header, &bench.claims, &ours)).collect();
    for header in headers {
        tokens.push(format!("{}.{}.", encoded(&header), encoded(&bench.claims)));
        tokens.push(format!("{}.{}", encoded(&header), encoded(&bench.claims)));
    }
    // The key of another purpose, under its own name and under the right one.
    let other = key(Purpose::WsToken);
    tokens.push(signed(&bench.header, &bench.claims, &other));
    tokens
}

/// The good one, with something done to its bytes.
fn damaged(bench: &Bench) -> Vec<String> {
    let good = &bench.assertion;
    let parts: Vec<_> = good.split('.').collect();
    let [header, claims, signature] = parts[..] else { panic!("three parts") };
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("a signature");
    let raw = |bytes: &[u8]| format!("{header}.{claims}.{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let stranger = with(&bench.claims, &[("sub", "somebody-else".into())]);
    let admin = with(&bench.claims, &[("role", "admin".into())]);
    let mut tokens = vec![
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "null".into(),
        format!("{header}.{claims}"),
        format!("{header}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{good}."),
        format!(".{good}"),
        format!("{good}.{signature}"),
        format!("{good}="),
        format!("{good}=="),
        format!("{good}A"),
        format!("\"{good}\""),
        format!("Bearer {good}"),
        format!("{header}. {claims}.{signature}"),
        format!("{header}.{}.{signature}", encoded(&stranger)),
        format!("{header}.{}.{signature}", encoded(&admin)),
        format!("{header}.{claims}.{}", BASE64_STANDARD.encode(&bytes)),
        raw(&[0; 64]),
        raw(&[]),
        raw(&bytes[..32]),
        raw(&bytes[..63]),
        raw(&[&bytes[..], &[0]].concat()),
        raw(&malleated(&bytes)),
        format!("{claims}.{header}.{signature}"),
        // JSON serialisation (RFC 7515, 7.2).
        json!({ "payload": claims, "protected": header, "signature": signature }).to_string(),
    ];
    for at in 0..64 {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        tokens.push(raw(&flipped));
    }
    tokens.extend((1..good.len()).step_by(7).map(|length| good[..length].to_owned()));
    tokens
}

fn malleated(signature: &[u8]) -> Vec<u8> {
    let mut carry = 0;
    let mut sum = signature.to_vec();
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        let total = u16::from(*byte) + u16::from(order) + carry;
        (*byte, carry) = (total.to_le_bytes()[0], total >> 8);
    }
    sum
}

/// Rightly signed, and wrong in what it says.
fn wrong_claims(good: &Value, now: i64) -> Vec<Value> {
    let mut wrong = Vec::new();
    for name in ["aud", "iss", "sub", "exp", "iat"] {
        wrong.push(without(good, name));
        for value in [json!(null), json!(true), json!({}), json!([]), json!("")] {
            if name != "sub" || value != json!("") {
                wrong.push(with(good, &[(name, value)]));
            }
        }
    }
    for audience in ["ws", "other", "Panel", "panel ", "*", "forward-auth"] {
        wrong.push(with(good, &[("aud", audience.into())]));
    }
    let issuer = text(&good["iss"]);
    for issuer in [format!("{issuer}/"), issuer.to_uppercase(), "http://evil.com".to_owned()] {
        wrong.push(with(good, &[("iss", issuer.into())]));
    }
    for end in [json!(now - 60), json!(0), json!(-1), json!("9999999999"), json!(-1e30)] {
        wrong.push(with(good, &[("exp", end)]));
    }
    wrong.push(with(good, &[("iat", json!(now + 86_400)), ("exp", json!(now + 90_000))]));
    wrong.push(with(good, &[("nbf", json!(now + 86_400))]));
    wrong
}

#[tokio::test]
async fn an_application_believes_no_assertion_but_a_good_one() {
    let bench = Bench::new().await;
    let ours = key(Purpose::IdentityAssertion);
    let now = SystemClock.now().unix_seconds();
    assert_eq!(bench.panel(&bench.assertion).await, 200);
    let again = signed(&bench.header, &bench.claims, &ours);
    assert_eq!(bench.panel(&again).await, 200, "the test signs as the gateway does");

    let mut forged = by_shared_secret(&bench, Purpose::IdentityAssertion, &bench.claims);
    forged.extend(by_a_key_of_their_own(&bench));
    forged.extend(with_another_header(&bench));
    forged.extend(damaged(&bench));
    let wrong = wrong_claims(&bench.claims, now);
    forged.extend(wrong.iter().map(|claims| signed(&bench.header, claims, &ours)));
    assert!(forged.len() > 250, "{}", forged.len());
    for token in forged {
        assert_eq!(bench.panel(&token).await, 401, "{token}");
    }
    assert_eq!(bench.panel(&again).await, 200);
    bench.stack.shutdown().await;
}

#[tokio::test]
async fn a_link_proves_an_address_only_as_it_was_signed() {
    let mut bench = Bench::new().await;
    let now = SystemClock.now().unix_seconds();
    let claims = json!({
        "email": bench.user.email, "userId": bench.user.id, "iat": now, "exp": now + 3600
    });
    let sign = |algorithm, claims: &Value, secret: &[u8]| {
        let key = EncodingKey::from_secret(secret);
        encode(&Header::new(algorithm), claims, &key).expect("a token")
    };
    let derived = |purpose| secrets().derive(purpose).to_vec();
    let mut forged = vec![
        sign(Algorithm::HS384, &claims, SECRET.as_bytes()),
        sign(Algorithm::HS512, &claims, SECRET.as_bytes()),
        sign(Algorithm::HS256, &claims, b""),
        sign(Algorithm::HS256, &claims, &SECRET.as_bytes()[1..]),
        sign(Algorithm::HS256, &claims, &derived(Purpose::IdentityAssertion)),
        sign(Algorithm::HS256, &claims, &derived(Purpose::WsToken)),
        sign(Algorithm::HS256, &claims, &derived(Purpose::GatewayKey)),
        sign(Algorithm::HS256, &claims, secrets_gateway_key().as_bytes()),
        sign(Algorithm::HS256, &without(&claims, "exp"), SECRET.as_bytes()),
        sign(Algorithm::HS256, &without(&claims, "email"), SECRET.as_bytes()),
        sign(Algorithm::HS256, &without(&claims, "userId"), SECRET.as_bytes()),
        sign(Algorithm::HS256, &with(&claims, &[("exp", "never".into())]), SECRET.as_bytes()),
        sign(Algorithm::HS256, &with(&claims, &[("userId", 1.into())]), SECRET.as_bytes()),
        bench.assertion.clone(),
    ];
    for purpose in [Purpose::IdentityAssertion, Purpose::WsToken] {
        forged.push(Signer::new(&secrets(), purpose).sign(&claims).expect("a token"));
        forged.push(signed(&json!({ "alg": "HS256" }), &claims, &key(purpose)));
    }
    for algorithm in ["none", "None", "NONE", ""] {
        forged.push(format!("{}.{}.", encoded(&json!({ "alg": algorithm })), encoded(&claims)));
    }
    let good = sign(Algorithm::HS256, &claims, SECRET.as_bytes());
    forged.extend((0..good.len()).step_by(5).map(|length| good[..length].to_owned()));
    forged.extend(["=", ".", "A", " "].map(|end| format!("{good}{end}")));
    for token in forged {
        bench.verify_email(&token).await.expect_code(401, "INVALID_TOKEN");
    }
    let over = with(&claims, &[("exp", json!(now - 1))]);
    let over = sign(Algorithm::HS256, &over, SECRET.as_bytes());
    bench.verify_email(&over).await.expect_code(401, "TOKEN_EXPIRED");
    assert_eq!(bench.user.browser.session().await["user"]["emailVerified"], false);
    bench.verify_email(&good).await.expect(200);
    bench.stack.shutdown().await;
}

fn secrets_gateway_key() -> String {
    use secrecy::ExposeSecret;
    secrets().gateway_key().expose_secret().to_owned()
}

/// A JWT under the root secret has the signature that a cookie of the same value
/// would have, so it must not be a value that any cookie can have.
fn as_a_cookie(jwt: &str) -> String {
    let (value, signature) = jwt.rsplit_once('.').expect("a signature");
    let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    let whole = format!("{value}.{}", BASE64_STANDARD.encode(signature));
    percent_encoding::utf8_percent_encode(&whole, percent_encoding::NON_ALPHANUMERIC).to_string()
}

#[tokio::test]
async fn what_is_signed_for_one_purpose_is_good_for_no_other() {
    let mut bench = Bench::new().await;
    let now = SystemClock.now().unix_seconds();
    let ticket = bench.user.browser.get("/api/ws/token").await.expect(200).json();
    let ticket = text(&ticket["token"]).to_owned();
    let link = encode(
        &Header::new(Algorithm::HS256),
        &json!({ "email": bench.user.email, "userId": bench.user.id, "iat": now, "exp": now + 60 }),
        &EncodingKey::from_secret(SECRET.as_bytes()),
    )
    .expect("a token");
    let cookie = bench.user.browser.session_cookie().to_owned();
    let things = [
        bench.assertion.clone(),
        ticket,
        link.clone(),
        as_a_cookie(&link),
        bench.user.token.clone(),
        secrets_gateway_key(),
        cookie.clone(),
    ];
    for thing in &things {
        if *thing != bench.assertion {
            assert_eq!(bench.panel(thing).await, 401, "{thing} as an assertion");
        }
        if *thing != link {
            bench.verify_email(thing).await.expect_code(401, "INVALID_TOKEN");
        }
        let mut thief = Browser::new(bench.stack.urls());
        if *thing != cookie {
            for name in
                ["session_token", "session_data", "two_factor", "trust_device", "admin_session"]
            {
                thief.cookies.insert(format!("better-auth.{name}"), thing.clone());
            }
            assert!(!thief.is_signed_in().await, "{thing} as a cookie");
            thief.post("/api/auth/admin/stop-impersonating", &json!({})).await.expect(401);
            let code = json!({ "code": "123456" });
            let answer = thief.post("/api/auth/two-factor/verify-totp", &code).await;
            assert_eq!(answer.status, 401, "{thing} as a challenge");
        }
        let reset = json!({ "token": thing, "newPassword": "correct horse battery" });
        let answer =
            Browser::new(bench.stack.urls()).post("/api/auth/reset-password", &reset).await;
        assert_eq!(answer.status, 400, "{thing} as a reset");
        for header in ["authorization", "x-identity-token", "x-gateway-key"] {
            let mut bearer = Browser::new(bench.stack.urls());
            let value =
                if header == "authorization" { format!("Bearer {thing}") } else { thing.clone() };
            let request = bearer.request(Method::GET, "/api/servers").header(header, value);
            bearer.send(request).await.expect(401);
        }
    }
    assert!(bench.user.browser.is_signed_in().await);
    bench.stack.shutdown().await;
}
