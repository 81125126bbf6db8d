//! WebAuthn, as webauthn-rs judges it and the contract asks for it (contract 7).
//!
//! This stands on `webauthn-rs-core`, the crate below `webauthn-rs`, for these reasons:
//!
//! - The protocol asks for user verification "preferred" and lets a key without it sign in
//!   (as one factor); a `webauthn_rs::Passkey` always demands it.
//! - A `Passkey` can only be made by a registration here. Ours may have been made by Better
//!   Auth, which keeps a COSE key and a counter.
//! - The original offers Ed25519 first, so security keys of people who move over have
//!   Ed25519 keys, which webauthn-rs does not verify (see `key.rs`).
//!
//! What the safe crate would have done is done in `relying_party.rs`: the state of a
//! ceremony is kept on the server and used once, the counter is judged by one statement
//! (`store/passkeys.rs`), and the owner of a credential by the row.

pub mod attestation;
pub mod client_data;
pub mod key;
pub mod relying_party;
pub mod user_handle;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

/// Longest credential id (WebAuthn 3, 6.5.1).
pub const CREDENTIAL_ID_MAX_BYTES: usize = 1023;

/// The response breaks a rule of the ceremony; which one is for the log only.
#[derive(Debug, thiserror::Error)]
pub enum Rejected {
    /// Everything else was in order, but the signature is not of this key.
    #[error("the signature is of another key")]
    WrongSignature,
    #[error("the response is not one of the protocol: {0}")]
    Malformed(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("{0}")]
    Rule(&'static str),
    #[error("{0}")]
    Webauthn(#[from] webauthn_rs_core::error::WebauthnError),
}

impl Rejected {
    fn malformed(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Malformed(error.into())
    }
}

/// What a credential is named by in JSON.
#[must_use]
pub fn credential_name(id: &[u8]) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(id)
}

/// Reads the name of a credential; nothing that could not be one.
#[must_use]
pub fn credential_id(name: &str) -> Option<Vec<u8>> {
    let id = BASE64_URL_SAFE_NO_PAD.decode(name).ok()?;
    (!id.is_empty() && id.len() <= CREDENTIAL_ID_MAX_BYTES).then_some(id)
}

/// `id` and `rawId` say the same, and it is a public key (WebAuthn 3, 5.1).
fn check_envelope(id: &str, raw_id: &[u8], type_: &str) -> Result<(), Rejected> {
    if credential_name(raw_id) != id {
        return Err(Rejected::Rule("id and rawId differ"));
    }
    if type_ != "public-key" {
        return Err(Rejected::Rule("the type is not public-key"));
    }
    Ok(())
}
