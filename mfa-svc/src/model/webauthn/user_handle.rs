//! The name by which an authenticator knows a user (WebAuthn 3, 5.4.3).

use auth_types::UserId;
use sha2::{Digest, Sha256};

/// The same for all passkeys of a user, so that an authenticator keeps one for them and
/// not one for each registration. It tells nothing about them, and the digest has room for
/// ids of any length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserHandle([u8; 32]);

impl UserHandle {
    #[must_use]
    pub fn of(user: &UserId) -> Self {
        let digest = Sha256::new_with_prefix("stellar-auth user handle v1\0");
        Self(digest.chain_update(user.as_str()).finalize().into())
    }

    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_stable_and_its_users_own() {
        let of = |id: &str| UserHandle::of(&id.to_owned().into());
        assert_eq!(of("ann"), of("ann"));
        assert_ne!(of("ann"), of("bob"));
        assert!(!of("ann").as_bytes().windows(3).any(|part| part == b"ann"));
    }
}
