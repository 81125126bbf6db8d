//! What a registration of a passkey brings.

use mfa_svc::model::webauthn::{
    CREDENTIAL_ID_MAX_BYTES, attestation::Attested, key::CredentialKey,
};

/// Whatever is read as a credential can be kept, and its key can be read again when
/// somebody signs in with it.
pub fn attestation(bytes: &[u8]) {
    let Ok(attested) = Attested::parse(bytes) else { return };
    let length = attested.credential_id.len();
    assert!((1..=CREDENTIAL_ID_MAX_BYTES).contains(&length), "a credential id of {length} bytes");
    assert!(CredentialKey::parse(&attested.public_key).is_ok(), "a key is read once only");
    assert!(attested.multi_device || !attested.backed_up, "backed up, and on one device only");
}
