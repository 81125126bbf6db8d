//! Codes and tokens: they say themselves what they are good for, so all that is
//! remembered is which were used.

use std::collections::HashSet;
use std::sync::Mutex;

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{provider::Provider, wish::Wish};

/// What a code stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) provider: Provider,
    pub(crate) redirect_uri: String,
    /// PKCE's, by S256.
    pub(crate) challenge: String,
    pub(crate) nonce: Option<String>,
    pub(crate) scope: String,
    pub(crate) wish: Wish,
    /// Tells two of the same wish apart.
    pub(crate) number: u64,
}

/// What an access or a refresh token stands for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Held {
    pub(crate) provider: Provider,
    pub(crate) wish: Wish,
    pub(crate) scope: String,
    pub(crate) number: u64,
}

impl Grant {
    /// RFC 7636, 4.6; a verifier has 43 characters at least.
    pub(crate) fn is_verified_by(&self, verifier: &str) -> bool {
        let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        (43..=128).contains(&verifier.len()) && challenge == self.challenge
    }
}

/// What was used.
#[derive(Default)]
pub(crate) struct Used(Mutex<HashSet<[u8; 32]>>);

impl Used {
    /// Whether this is its first use.
    pub(crate) fn spend(&self, text: &str) -> bool {
        let digest = Sha256::digest(text).into();
        self.0.lock().is_ok_and(|mut used| used.insert(digest))
    }
}
