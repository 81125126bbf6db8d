//! What a registration brings, taken apart (WebAuthn 3, 6.5).
//!
//! No statement about the authenticator is asked for, and none counts for anything; so
//! only the two formats pass that a browser leaves in place then, and no certificate is
//! ever parsed.

use ed25519_dalek::VerifyingKey;
use serde::Deserialize;
use serde_cbor_2::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;
use webauthn_rs_core::{internals::AuthenticatorData, proto::Registration};

use crate::model::webauthn::{
    CREDENTIAL_ID_MAX_BYTES, Rejected,
    key::{CredentialKey, verify_ed25519},
};

/// In authenticator data: rpIdHash, flags and counter; then the aaguid and the length of
/// the credential id (WebAuthn 3, 6.1 and 6.5.1).
const BEFORE_CREDENTIAL_ID: usize = 32 + 1 + 4 + 16 + 2;
const FLAGS_AT: usize = 32;
const HAS_EXTENSIONS: u8 = 1 << 7;

#[derive(Deserialize)]
struct AttestationObject {
    fmt: String,
    #[serde(rename = "attStmt")]
    statement: Value,
    #[serde(rename = "authData")]
    auth_data: Bytes,
}

/// A CBOR byte string; as a sequence of numbers it would be something else.
struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Bytes(bytes) => Ok(Self(bytes)),
            _ => Err(serde::de::Error::custom("expected bytes")),
        }
    }
}

/// What is attested of a new credential.
pub struct Attested {
    pub credential_id: Vec<u8>,
    /// The `COSE_Key`, as it came.
    pub public_key: Vec<u8>,
    pub key: CredentialKey,
    pub aaguid: Uuid,
    pub counter: u32,
    pub multi_device: bool,
    pub backed_up: bool,
    statement: Statement,
    auth_data: Vec<u8>,
}

enum Statement {
    None,
    /// Signed with the new key itself.
    SelfSigned(Value),
}

impl Attested {
    pub fn parse(attestation_object: &[u8]) -> Result<Self, Rejected> {
        let object: AttestationObject =
            serde_cbor_2::from_slice(attestation_object).map_err(Rejected::malformed)?;
        let statement = statement(&object.fmt, object.statement)?;
        let auth_data = object.auth_data.0;
        let data = AuthenticatorData::<Registration>::try_from(auth_data.as_slice())?;
        let credential = data.acd.ok_or(Rejected::Rule("there is no credential in it"))?;
        let credential_id = credential.credential_id;
        if credential_id.is_empty() || credential_id.len() > CREDENTIAL_ID_MAX_BYTES {
            return Err(Rejected::Rule("the credential id is empty or too long"));
        }
        if data.backup_state && !data.backup_eligible {
            return Err(Rejected::Rule("backed up, but not eligible for it"));
        }
        let after_id = auth_data.get(BEFORE_CREDENTIAL_ID + credential_id.len()..);
        let (public_key, rest) = first_item(after_id.unwrap_or_default())?;
        let rest =
            if auth_data[FLAGS_AT] & HAS_EXTENSIONS == 0 { rest } else { first_item(rest)?.1 };
        if !rest.is_empty() {
            return Err(Rejected::Rule("something stands after the authenticator data"));
        }
        let public_key = public_key.to_vec();
        Ok(Self {
            credential_id,
            key: CredentialKey::parse(&public_key)?,
            public_key,
            aaguid: Uuid::from_bytes(credential.aaguid),
            counter: data.counter,
            multi_device: data.backup_eligible,
            backed_up: data.backup_state,
            statement,
            auth_data,
        })
    }

    /// Judges the statement where webauthn-rs cannot: one that an Ed25519 key has made
    /// about itself (WebAuthn 3, 8.2.1).
    pub fn check_ed25519_statement(
        &self,
        key: &VerifyingKey,
        client_data: &[u8],
    ) -> Result<(), Rejected> {
        let Statement::SelfSigned(Value::Map(statement)) = &self.statement else { return Ok(()) };
        let member = |name: &str| statement.get(&Value::Text(name.to_owned()));
        let Some(Value::Bytes(signature)) = member("sig") else {
            return Err(Rejected::Rule("a packed statement without a signature"));
        };
        if member("alg") != Some(&Value::Integer(-8)) {
            return Err(Rejected::Rule("a packed statement of another algorithm"));
        }
        verify_ed25519(key, &signed(&self.auth_data, client_data), signature)
    }
}

/// What authenticators sign: their data, and the digest of the client's.
#[must_use]
pub fn signed(auth_data: &[u8], client_data: &[u8]) -> Vec<u8> {
    [auth_data, Sha256::digest(client_data).as_slice()].concat()
}

fn statement(format: &str, statement: Value) -> Result<Statement, Rejected> {
    let Value::Map(members) = &statement else {
        return Err(Rejected::Rule("the statement is no map"));
    };
    match format {
        "none" if members.is_empty() => Ok(Statement::None),
        "packed" if !members.contains_key(&Value::Text("x5c".to_owned())) => {
            Ok(Statement::SelfSigned(statement))
        }
        _ => Err(Rejected::Rule("an attestation that was not asked for")),
    }
}

/// The bytes of the first CBOR item, and those after it.
fn first_item(bytes: &[u8]) -> Result<(&[u8], &[u8]), Rejected> {
    let mut items = serde_cbor_2::Deserializer::from_slice(bytes);
    Value::deserialize(&mut items).map_err(Rejected::malformed)?;
    Ok(bytes.split_at(items.byte_offset()))
}
