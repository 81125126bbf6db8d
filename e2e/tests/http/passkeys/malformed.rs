//! What no authenticator would send (PK7): it is refused as a mistake of the client's, it
//! is never taken for a passkey, and nothing breaks.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as B64};
use e2e::{Algorithm, Passkey, attestation_object};
use rand::RngExt;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};

use super::{Scene, authenticate_options, verify_authentication};

const REFUSED: &str = "FAILED_TO_VERIFY_REGISTRATION";

fn key(entries: &[(i128, Cbor)]) -> Vec<u8> {
    let map: BTreeMap<_, _> =
        entries.iter().map(|(label, value)| (Cbor::Integer(*label), value.clone())).collect();
    serde_cbor_2::to_vec(&Cbor::Map(map)).expect("CBOR")
}

/// Keys under algorithms that were not offered, and keys that are none.
fn keys() -> Vec<Vec<u8>> {
    let (int, bytes) = (Cbor::Integer, |bytes: &[u8]| Cbor::Bytes(bytes.to_vec()));
    let good = Passkey::new(Algorithm::Es256).public_key();
    let relabelled = |algorithm: i128| {
        let Cbor::Map(mut map) = serde_cbor_2::from_slice(&good).expect("a map") else { panic!() };
        map.insert(int(3), int(algorithm));
        serde_cbor_2::to_vec(&Cbor::Map(map)).expect("CBOR")
    };
    let rsa =
        |n: &[u8], e: &[u8]| key(&[(1, int(3)), (3, int(-257)), (-1, bytes(n)), (-2, bytes(e))]);
    let mut keys: Vec<_> =
        [0, 1, 4, 5, 7, -6, -25, -35, -36, -37, -257, -258, -259, -65535, 1 << 40, -8]
            .map(relabelled)
            .into();
    keys.extend([
        Vec::new(),
        key(&[]),
        key(&[(1, int(2)), (3, int(-7))]),
        // Not on the curve; of another curve; coordinates of another length.
        key(&[
            (1, int(2)),
            (3, int(-7)),
            (-1, int(1)),
            (-2, bytes(&[1; 32])),
            (-3, bytes(&[1; 32])),
        ]),
        key(&[
            (1, int(2)),
            (3, int(-7)),
            (-1, int(2)),
            (-2, bytes(&[1; 48])),
            (-3, bytes(&[1; 48])),
        ]),
        key(&[(1, int(2)), (3, int(-7)), (-1, int(1)), (-2, bytes(&[1; 4000])), (-3, bytes(&[]))]),
        // Ed25519 keys of small order, of another curve, of another length.
        key(&[(1, int(1)), (3, int(-8)), (-1, int(6)), (-2, bytes(&[0; 32]))]),
        key(&[(1, int(1)), (3, int(-8)), (-1, int(7)), (-2, bytes(&[9; 57]))]),
        key(&[(1, int(1)), (3, int(-8)), (-1, int(6)), (-2, bytes(&[9; 31]))]),
        // RSA that is too short, even, or has no exponent to speak of.
        rsa(&[0xff; 64], &[1, 0, 1]),
        rsa(&[0xff; 128], &[1, 0, 1]),
        rsa(&[0; 256], &[1, 0, 1]),
        rsa(&[0xfe; 256], &[0, 0, 0]),
        rsa(&[0xff; 256], &[1]),
        rsa(&[0xff; 8000], &[1, 0, 1]),
        vec![0x81; 4000],
        vec![0xbf; 4000],
    ]);
    keys
}

/// Attestation objects that are none, or not of the format they say.
fn objects() -> Vec<Vec<u8>> {
    let nested = |head: u8, depth: usize| vec![head; depth];
    let (text, int) = (|text: &str| Cbor::Text(text.to_owned()), Cbor::Integer);
    let good = Passkey::new(Algorithm::Es256);
    let how = e2e::How::on("http://localhost");
    let data = || good.attested(&how, &good.public_key());
    let statement = |entries: &[(&str, Cbor)]| {
        Cbor::Map(entries.iter().map(|(name, value)| (text(name), value.clone())).collect())
    };
    let none = || statement(&[]);
    let packed = statement(&[("alg", int(-7)), ("sig", Cbor::Bytes(vec![0; 70]))]);
    let with_chain = statement(&[
        ("alg", int(-7)),
        ("sig", Cbor::Bytes(vec![0; 70])),
        ("x5c", Cbor::Array(vec![Cbor::Bytes(vec![0x30; 500])])),
    ]);
    let mut flags = data();
    flags[32] = 0b1100_0101; // extensions, but none there
    let deep_extensions = [flags.clone(), nested(0x81, 20_000)].concat();
    let mut long_id = data();
    long_id[53..55].copy_from_slice(&[0xff, 0xff]);
    let mut empty_id = data();
    empty_id[53..55].copy_from_slice(&[0, 0]);
    let mut objects = vec![
        Vec::new(),
        vec![0xf6],
        vec![0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x5b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        vec![0x7b, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
        nested(0x81, 40_000),
        nested(0xa1, 40_000),
        nested(0xc1, 40_000),
        nested(0x9f, 40_000),
        nested(0x5f, 40_000),
        attestation_object("none", statement(&[("x", int(1))]), data()),
        attestation_object("none", Cbor::Null, data()),
        attestation_object("None", none(), data()),
        attestation_object("", none(), data()),
        attestation_object("packed", none(), data()),
        attestation_object("packed", packed, data()),
        attestation_object("packed", with_chain.clone(), data()),
        attestation_object("tpm", with_chain.clone(), data()),
        attestation_object("apple", with_chain.clone(), data()),
        attestation_object("android-key", with_chain.clone(), data()),
        attestation_object("android-safetynet", none(), data()),
        attestation_object("fido-u2f", with_chain, data()),
        attestation_object("none", none(), Vec::new()),
        attestation_object("none", none(), data()[..37].to_vec()),
        attestation_object("none", none(), data()[..54].to_vec()),
        attestation_object("none", none(), data()[..80].to_vec()),
        attestation_object("none", none(), [data(), vec![0]].concat()),
        attestation_object("none", none(), flags),
        attestation_object("none", none(), deep_extensions),
        attestation_object("none", none(), long_id),
        attestation_object("none", none(), empty_id),
    ];
    let whole = attestation_object("none", none(), data());
    objects.push([whole.clone(), vec![0]].concat());
    objects.extend((0..10).map(|_| {
        let cut = rand::rng().random_range(1..whole.len());
        whole[..cut].to_vec()
    }));
    objects
}

/// Tries a response of a registration, and expects it to be refused as such.
async fn is_refused(scene: &mut Scene, response: &Value, what: &str) {
    let answer = scene.verify_registration(response).await;
    assert_eq!(
        (answer.status, &answer.json()["code"]),
        (400, &json!(REFUSED)),
        "{what}: {answer:?}"
    );
}

#[tokio::test]
async fn a_key_that_is_none_or_of_another_algorithm_is_refused() {
    let mut scene = Scene::new().await;
    for key in keys() {
        let passkey = Passkey::new(Algorithm::Es256);
        let options = scene.register_options().await;
        let response = passkey.registration(&options, &scene.how(), &key);
        is_refused(&mut scene, &response, &format!("{key:02x?}")).await;
    }
    assert_eq!(scene.passkeys().await, [Value::Null; 0]);
}

#[tokio::test]
async fn an_attestation_that_is_none_or_was_not_asked_for_is_refused() {
    let mut scene = Scene::new().await;
    for object in objects() {
        let passkey = Passkey::new(Algorithm::Es256);
        let options = scene.register_options().await;
        let response = passkey.registration_of(&options, &scene.how(), &object);
        let shown = object.len().min(60);
        is_refused(&mut scene, &response, &format!("{:02x?}", &object[..shown])).await;
    }
    assert_eq!(scene.passkeys().await, [Value::Null; 0]);
}

/// Browsers leave a statement that a key makes about itself as it is.
#[tokio::test]
async fn a_self_attestation_counts_only_with_its_signature() {
    for algorithm in [Algorithm::Es256, Algorithm::EdDsa, Algorithm::Rs256] {
        let mut scene = Scene::new().await;
        let mut passkey = Passkey::new(algorithm);
        let options = scene.register_options().await;
        let response = passkey.self_attested(&options, &scene.how(), true);
        is_refused(&mut scene, &response, "signed something else").await;
        let options = scene.register_options().await;
        let response = passkey.self_attested(&options, &scene.how(), false);
        scene.verify_registration(&response).await.expect(200);
    }
}

#[tokio::test]
async fn a_registration_that_is_not_one_is_refused() {
    let mut scene = Scene::new().await;
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    let client_data = [
        String::new(),
        "null".into(),
        "[]".into(),
        nested(120),
        nested(20_000),
        "{\"type\":\"webauthn.create\"}".into(),
        "\u{feff}{}".into(),
        format!("{{\"a\":1e999,\"b\":\"{}\"}}", "x".repeat(20_000)),
    ];
    for text in client_data {
        let options = scene.register_options().await;
        let mut response = Passkey::new(Algorithm::Es256).register(&options, &scene.how());
        response["response"]["clientDataJSON"] = B64.encode(text).into();
        is_refused(&mut scene, &response, "client data").await;
    }
    let options = scene.register_options().await;
    let mut passkey = Passkey::new(Algorithm::Es256);
    let whole = passkey.register(&options, &scene.how());
    let without = |name: &str| {
        let mut part = whole.clone();
        part.as_object_mut().expect("an object").remove(name);
        part
    };
    let with = |name: &str, value: Value| {
        let mut changed = whole.clone();
        changed[name] = value;
        changed
    };
    let mut responses: Vec<_> = ["id", "rawId", "type", "response"].map(without).into();
    responses.extend([
        Value::Null,
        json!([]),
        json!("x"),
        with("type", json!("password")),
        with("id", json!("AAAA")),
        with("id", json!(1)),
        with("rawId", json!("AAAA")),
        with("rawId", json!(format!("{}==", passkey.name()))),
        with("response", json!([])),
        with("response", json!({ "clientDataJSON": "?", "attestationObject": "?" })),
    ]);
    for response in responses {
        scene.register_options().await;
        is_refused(&mut scene, &response, &response.to_string()).await;
    }
    assert_eq!(scene.passkeys().await, [Value::Null; 0]);
}

#[tokio::test]
async fn too_much_is_too_large() {
    let mut scene = Scene::new().await;
    let options = scene.register_options().await;
    let response =
        Passkey::new(Algorithm::Es256).registration_of(&options, &scene.how(), &vec![0; 60_000]);
    scene.verify_registration(&response).await.expect_code(413, "PAYLOAD_TOO_LARGE");
    let long = json!({ "id": "x".repeat(70_000) });
    let answer = verify_authentication(&mut scene.stranger(), &long).await;
    answer.expect_code(413, "PAYLOAD_TOO_LARGE");
}

/// One changed bit anywhere in what was signed, or in the signature.
#[tokio::test]
async fn of_200_assertions_with_one_changed_bit_none_signs_in() {
    let (scene, mut passkey) = Scene::with_passkey().await;
    let mut browser = scene.stranger();
    for round in 0..200 {
        let options = authenticate_options(&mut browser).await;
        let mut response = passkey.assert(&options, &scene.how());
        let part = ["authenticatorData", "clientDataJSON", "signature"][round % 3];
        let text = response["response"][part].as_str().expect("text");
        let mut bytes = B64.decode(text).expect("base64url");
        let at = rand::rng().random_range(0..bytes.len());
        bytes[at] ^= 1 << rand::rng().random_range(0..8);
        response["response"][part] = B64.encode(&bytes).into();
        let answer = verify_authentication(&mut browser, &response).await;
        assert!((400..500).contains(&answer.status), "{part} {at}: {answer:?}");
        assert_eq!(answer.json()["code"], "AUTHENTICATION_FAILED", "{part} {at}: {answer:?}");
        assert!(!browser.is_signed_in().await, "{part} {at}");
    }
}
