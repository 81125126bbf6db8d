//! The public key of a credential: a `COSE_Key` (RFC 9052, 7) under one of three algorithms.
//!
//! webauthn-rs reads and verifies ES256 and RS256. Ed25519 it knows by name only, so that
//! one is read and verified here, by ed25519-dalek.

use ed25519_dalek::{Signature, VerifyingKey};
use serde_cbor_2::Value;
use webauthn_rs_core::proto::{
    COSEAlgorithm, COSEKey, COSEKeyType, COSEOKPKey, ECDSACurve, EDDSACurve,
};

use crate::model::webauthn::Rejected;

/// What a registration may bring, in the order in which it is offered (contract 7.2).
pub const ALGORITHMS: [COSEAlgorithm; 3] =
    [COSEAlgorithm::EDDSA, COSEAlgorithm::ES256, COSEAlgorithm::RS256];

/// Longest key that is stored. An RSA key of 2048 bits takes some 270 bytes.
const MAX_BYTES: usize = 1024;

// Labels and values of COSE (RFC 9053, 7.1 and 7.2).
const KEY_TYPE: Value = Value::Integer(1);
const ALGORITHM: Value = Value::Integer(3);
const CURVE: Value = Value::Integer(-1);
const X: Value = Value::Integer(-2);
const OCTET_KEY_PAIR: Value = Value::Integer(1);
const ED25519: Value = Value::Integer(6);
const EDDSA: Value = Value::Integer(-8);

/// A key that can verify signatures.
#[derive(Debug, Clone)]
pub enum CredentialKey {
    Ed25519(VerifyingKey),
    /// Of another algorithm, verified by webauthn-rs.
    Other(COSEKey),
}

impl CredentialKey {
    pub fn parse(cose_key: &[u8]) -> Result<Self, Rejected> {
        if cose_key.len() > MAX_BYTES {
            return Err(Rejected::Rule("the key is too long"));
        }
        let value: Value = serde_cbor_2::from_slice(cose_key).map_err(Rejected::malformed)?;
        let Value::Map(map) = &value else { return Err(Rejected::Rule("the key is no map")) };
        if map.get(&ALGORITHM) == Some(&EDDSA) {
            let is_ed25519 =
                map.get(&KEY_TYPE) == Some(&OCTET_KEY_PAIR) && map.get(&CURVE) == Some(&ED25519);
            return match map.get(&X) {
                Some(Value::Bytes(x)) if is_ed25519 => ed25519(x),
                _ => Err(Rejected::Rule("EdDSA, but no Ed25519 key")),
            };
        }
        let key = COSEKey::try_from(&value)?;
        if is_fit(&key) {
            Ok(Self::Other(key))
        } else {
            Err(Rejected::Rule("an algorithm that was not offered, or a key of another"))
        }
    }

    /// As webauthn-rs has it, for a ceremony.
    #[must_use]
    pub fn cose(&self) -> COSEKey {
        match self {
            Self::Other(key) => key.clone(),
            Self::Ed25519(key) => {
                let (curve, x) = (EDDSACurve::ED25519, key.to_bytes().to_vec());
                let key = COSEKeyType::EC_OKP(COSEOKPKey { curve, x });
                COSEKey { type_: COSEAlgorithm::EDDSA, key }
            }
        }
    }
}

/// A key by which nothing can be signed twice in one way (of small order) is none.
fn ed25519(x: &[u8]) -> Result<CredentialKey, Rejected> {
    let x = x.try_into().map_err(|_| Rejected::Rule("an Ed25519 key has 32 bytes"))?;
    let key = VerifyingKey::from_bytes(x).map_err(Rejected::malformed)?;
    if key.is_weak() {
        return Err(Rejected::Rule("a weak Ed25519 key"));
    }
    Ok(CredentialKey::Ed25519(key))
}

/// webauthn-rs takes any curve for ES256 and more algorithms than were offered.
fn is_fit(key: &COSEKey) -> bool {
    match &key.key {
        COSEKeyType::EC_EC2(ec) => {
            key.type_ == COSEAlgorithm::ES256 && ec.curve == ECDSACurve::SECP256R1
        }
        COSEKeyType::RSA(_) => key.type_ == COSEAlgorithm::RS256,
        COSEKeyType::EC_OKP(_) => false,
    }
}

/// Whether a signature over a message is of this Ed25519 key (RFC 8032, 5.1.7, strictly).
pub fn verify_ed25519(
    key: &VerifyingKey,
    message: &[u8],
    signature: &[u8],
) -> Result<(), Rejected> {
    let signature = Signature::from_slice(signature).map_err(Rejected::malformed)?;
    key.verify_strict(message, &signature).map_err(|_| Rejected::WrongSignature)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    fn cose(entries: &[(i128, Value)]) -> Vec<u8> {
        let map: BTreeMap<_, _> =
            entries.iter().map(|(label, value)| (Value::Integer(*label), value.clone())).collect();
        serde_cbor_2::to_vec(&Value::Map(map)).expect("CBOR")
    }

    fn int(value: i128) -> Value {
        Value::Integer(value)
    }

    fn bytes(value: &[u8]) -> Value {
        Value::Bytes(value.to_vec())
    }

    /// The first test vector of RFC 8032, 7.1.
    const RFC_KEY: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
    const RFC_SIGNATURE: &str = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b";

    fn hex(text: &str) -> Vec<u8> {
        data_encoding::HEXLOWER.decode(text.as_bytes()).expect("hex")
    }

    fn ed25519_key(x: &[u8]) -> Vec<u8> {
        cose(&[(1, int(1)), (3, int(-8)), (-1, int(6)), (-2, bytes(x))])
    }

    #[test]
    fn the_vector_of_the_rfc_holds() {
        let key = CredentialKey::parse(&ed25519_key(&hex(RFC_KEY))).expect("a key");
        let CredentialKey::Ed25519(key) = key else { panic!("{key:?}") };
        assert!(verify_ed25519(&key, b"", &hex(RFC_SIGNATURE)).is_ok());
        let wrong = verify_ed25519(&key, b"x", &hex(RFC_SIGNATURE));
        assert!(matches!(wrong, Err(Rejected::WrongSignature)));
        assert!(matches!(verify_ed25519(&key, b"", &[0; 63]), Err(Rejected::Malformed(_))));
    }

    #[test]
    fn the_key_of_the_library_is_read() {
        // COSE_Key of P-256 from webauthn-rs-core's own tests.
        let x = hex("65eda5a12577c2bae829437fe338701a10aaa375e1bb5b5de108de439c08551d");
        let y = hex("1e52ed75701163f7f9e40ddf9f341b3dc9ba860af7e0ca7ca7e9eecd0084d19c");
        let with = |algorithm, curve, x: &[u8]| {
            CredentialKey::parse(&cose(&[
                (1, int(2)),
                (3, int(algorithm)),
                (-1, int(curve)),
                (-2, bytes(x)),
                (-3, bytes(&y)),
            ]))
        };
        assert!(with(-7, 1, &x).is_ok());
        // none, HMAC, ES384, ES512, RS1, EdDSA; a curve of another algorithm; not on the curve
        for algorithm in [0, 5, -35, -36, -65535, -8, -257] {
            assert!(with(algorithm, 1, &x).is_err(), "{algorithm}");
        }
        assert!(with(-7, 2, &x).is_err() && with(-7, 1, &[1; 32]).is_err());
    }

    #[test]
    fn a_weak_ed25519_key_is_none() {
        let mut identity = [0; 32];
        identity[0] = 1;
        for x in [&identity[..], &[0; 32], &[1; 31]] {
            assert!(CredentialKey::parse(&ed25519_key(x)).is_err(), "{x:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            CredentialKey::parse(&bytes).ok();
        }

        #[test]
        fn a_changed_key_is_none_or_another(at in any::<prop::sample::Index>(), flip in 1_u8..) {
            let mut key = ed25519_key(&hex(RFC_KEY));
            let at = at.index(key.len());
            key[at] ^= flip;
            if let Ok(CredentialKey::Ed25519(read)) = CredentialKey::parse(&key) {
                prop_assert!(verify_ed25519(&read, b"", &hex(RFC_SIGNATURE)).is_err());
            }
        }
    }
}
