//! An authenticator with one passkey, that says and signs whatever a test wants of it.
//!
//! `webauthn-authenticator-rs` has one too, but an honest one: it neither lies about its
//! counter nor signs for another page. This one is written from the standard, by other
//! means than the services use.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD as B64};
use ed25519_dalek::Signer;
use rand::RngExt;
use rsa::pkcs1v15;
use serde_cbor_2::Value as Cbor;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

/// Made once with `openssl genrsa 2048`; making one in a debug build takes a minute.
const RSA_KEY: &str = include_str!("passkey_rsa.pem");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    Es256,
    EdDsa,
    Rs256,
}

#[derive(Clone)]
enum Key {
    Es256(Box<p256::ecdsa::SigningKey>),
    EdDsa(Box<ed25519_dalek::SigningKey>),
    Rs256(Box<pkcs1v15::SigningKey<rsa::sha2::Sha256>>),
}

/// A credential and the authenticator that holds it.
#[derive(Clone)]
pub struct Passkey {
    key: Key,
    pub credential_id: Vec<u8>,
    pub user_handle: Vec<u8>,
    /// Grows with each signature, unless it always says zero.
    pub counter: u32,
}

/// What the browser and the authenticator say in a ceremony.
#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "they are the flags of the standard")]
pub struct How {
    pub origin: String,
    pub rp_id: String,
    pub user_present: bool,
    pub user_verified: bool,
    pub backup_eligible: bool,
    pub backed_up: bool,
    /// As in the options, unless a test says otherwise.
    pub challenge: Option<String>,
    /// `webauthn.create` or `webauthn.get`, unless a test says otherwise.
    pub client_type: Option<&'static str>,
    pub cross_origin: Option<bool>,
    pub with_user_handle: bool,
}

impl How {
    /// An honest ceremony on a page of this origin, with a finger on the authenticator.
    #[must_use]
    pub fn on(origin: &str) -> Self {
        Self {
            origin: origin.to_owned(),
            rp_id: "localhost".to_owned(),
            user_present: true,
            user_verified: true,
            backup_eligible: false,
            backed_up: false,
            challenge: None,
            client_type: None,
            cross_origin: None,
            with_user_handle: true,
        }
    }

    /// The same by touch alone.
    #[must_use]
    pub fn without_verification(self) -> Self {
        Self { user_verified: false, ..self }
    }

    fn client_data(&self, type_: &str, options: &Value) -> Vec<u8> {
        let challenge = self.challenge.as_deref().or(options["challenge"].as_str());
        let mut data = json!({
            "type": self.client_type.unwrap_or(type_),
            "challenge": challenge.expect("a challenge"),
            "origin": self.origin,
        });
        if let Some(cross_origin) = self.cross_origin {
            data["crossOrigin"] = cross_origin.into();
        }
        data.to_string().into_bytes()
    }

    /// Authenticator data up to the counter (WebAuthn 3, 6.1).
    fn auth_data(&self, counter: u32, has_credential: bool) -> Vec<u8> {
        let flags = u8::from(self.user_present)
            | u8::from(self.user_verified) << 2
            | u8::from(self.backup_eligible) << 3
            | u8::from(self.backed_up) << 4
            | u8::from(has_credential) << 6;
        [Sha256::digest(&self.rp_id).as_slice(), &[flags], &counter.to_be_bytes()].concat()
    }
}

impl Passkey {
    /// A new credential, of nobody yet.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let mut rng = rand::rng();
        let seed: [u8; 32] = rng.random();
        let key = match algorithm {
            Algorithm::Es256 => Key::Es256(Box::new(
                p256::ecdsa::SigningKey::from_slice(&seed).expect("few numbers are too large"),
            )),
            Algorithm::EdDsa => Key::EdDsa(Box::new(ed25519_dalek::SigningKey::from_bytes(&seed))),
            Algorithm::Rs256 => {
                let key = rsa::pkcs8::DecodePrivateKey::from_pkcs8_pem(RSA_KEY).expect("a key");
                Key::Rs256(Box::new(pkcs1v15::SigningKey::new(key)))
            }
        };
        let credential_id = rng.random::<[u8; 16]>().to_vec();
        Self { key, credential_id, user_handle: Vec::new(), counter: 0 }
    }

    /// What a browser posts at the end of a registration.
    pub fn register(&mut self, options: &Value, how: &How) -> Value {
        let handle = options["user"]["id"].as_str().expect("a handle");
        self.user_handle = B64.decode(handle).expect("base64url");
        self.registration(options, how, &self.public_key())
    }

    /// The same with a public key of the test's own making.
    #[must_use]
    pub fn registration(&self, options: &Value, how: &How, public_key: &[u8]) -> Value {
        let auth_data = self.attested(how, public_key);
        self.registration_of(
            options,
            how,
            &attestation_object("none", Cbor::Map(BTreeMap::new()), auth_data),
        )
    }

    /// The same, with a statement that the new key has signed about itself.
    #[must_use]
    pub fn self_attested(&mut self, options: &Value, how: &How, wrong: bool) -> Value {
        let auth_data = self.attested(how, &self.public_key());
        let client_data = how.client_data("webauthn.create", options);
        let mut signature =
            self.sign(&[auth_data.as_slice(), &Sha256::digest(&client_data)].concat());
        if wrong {
            signature = self.sign(b"something else");
        }
        let text = |text: &str| Cbor::Text(text.to_owned());
        let statement = BTreeMap::from([
            (text("alg"), Cbor::Integer(self.algorithm())),
            (text("sig"), Cbor::Bytes(signature)),
        ]);
        self.registration_of(
            options,
            how,
            &attestation_object("packed", Cbor::Map(statement), auth_data),
        )
    }

    /// The same around any attestation object.
    #[must_use]
    pub fn registration_of(&self, options: &Value, how: &How, object: &[u8]) -> Value {
        json!({
            "id": self.name(),
            "rawId": self.name(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": B64.encode(how.client_data("webauthn.create", options)),
                "attestationObject": B64.encode(object),
                "transports": ["internal", "hybrid"],
            },
        })
    }

    /// Authenticator data with this credential in it (WebAuthn 3, 6.5.1).
    #[must_use]
    pub fn attested(&self, how: &How, public_key: &[u8]) -> Vec<u8> {
        let length = u16::try_from(self.credential_id.len()).expect("short");
        let aaguid = [0xaa; 16];
        [
            how.auth_data(self.counter, true).as_slice(),
            &aaguid,
            &length.to_be_bytes(),
            &self.credential_id,
            public_key,
        ]
        .concat()
    }

    /// What a browser posts at the end of an authentication. The counter grows.
    pub fn assert(&mut self, options: &Value, how: &How) -> Value {
        self.counter += 1;
        self.assert_counting(options, how, self.counter)
    }

    /// The same with a counter of the test's own choice.
    #[must_use]
    pub fn assert_counting(&self, options: &Value, how: &How, counter: u32) -> Value {
        let client_data = how.client_data("webauthn.get", options);
        let auth_data = how.auth_data(counter, false);
        let signature = self.sign(&[auth_data.as_slice(), &Sha256::digest(&client_data)].concat());
        let mut response = json!({
            "authenticatorData": B64.encode(auth_data),
            "clientDataJSON": B64.encode(client_data),
            "signature": B64.encode(signature),
        });
        if how.with_user_handle {
            response["userHandle"] = B64.encode(&self.user_handle).into();
        }
        json!({
            "id": self.name(),
            "rawId": self.name(),
            "type": "public-key",
            "authenticatorAttachment": "platform",
            "response": response,
        })
    }

    /// The credential's name in JSON.
    #[must_use]
    pub fn name(&self) -> String {
        B64.encode(&self.credential_id)
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        match &self.key {
            Key::Es256(key) => {
                let signature: p256::ecdsa::DerSignature = key.sign(message);
                signature.as_bytes().to_vec()
            }
            Key::EdDsa(key) => key.sign(message).to_vec(),
            Key::Rs256(key) => {
                use rsa::signature::{SignatureEncoding, Signer};
                key.sign(message).to_vec()
            }
        }
    }

    fn algorithm(&self) -> i128 {
        match &self.key {
            Key::Es256(_) => -7,
            Key::EdDsa(_) => -8,
            Key::Rs256(_) => -257,
        }
    }

    /// The `COSE_Key` (RFC 9053).
    #[must_use]
    pub fn public_key(&self) -> Vec<u8> {
        let bytes = |bytes: &[u8]| Cbor::Bytes(bytes.to_vec());
        let mut entries = match &self.key {
            Key::Es256(key) => {
                let point = key.verifying_key().to_encoded_point(false);
                vec![
                    (1, Cbor::Integer(2)),
                    (-1, Cbor::Integer(1)),
                    (-2, bytes(point.x().expect("a point"))),
                    (-3, bytes(point.y().expect("a point"))),
                ]
            }
            Key::EdDsa(key) => vec![
                (1, Cbor::Integer(1)),
                (-1, Cbor::Integer(6)),
                (-2, bytes(key.verifying_key().as_bytes())),
            ],
            Key::Rs256(key) => {
                use rsa::{signature::Keypair, traits::PublicKeyParts};
                let public = rsa::RsaPublicKey::from(key.verifying_key());
                vec![
                    (1, Cbor::Integer(3)),
                    (-1, bytes(&public.n().to_bytes_be())),
                    (-2, bytes(&public.e().to_bytes_be())),
                ]
            }
        };
        entries.push((3, Cbor::Integer(self.algorithm())));
        let map = entries.into_iter().map(|(label, value)| (Cbor::Integer(label), value));
        serde_cbor_2::to_vec(&Cbor::Map(map.collect())).expect("CBOR")
    }
}

/// WebAuthn 3, 6.5.4.
#[must_use]
pub fn attestation_object(format: &str, statement: Cbor, auth_data: Vec<u8>) -> Vec<u8> {
    let text = |text: &str| Cbor::Text(text.to_owned());
    let object = BTreeMap::from([
        (text("fmt"), text(format)),
        (text("attStmt"), statement),
        (text("authData"), Cbor::Bytes(auth_data)),
    ]);
    serde_cbor_2::to_vec(&Cbor::Map(object)).expect("CBOR")
}
