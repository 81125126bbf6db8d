//! What is done with one password: hashed as we do it, or checked against a hash of
//! any format we know. Slow on purpose; `passwords.rs` decides where it happens.

use secrecy::{ExposeSecret, SecretString};
use service_kit::{Fault, While};
use subtle::ConstantTimeEq;
use unicode_normalization::UnicodeNormalization;

use crate::model::password::{Format, PasswordHash};

/// A stored hash of a higher cost than any we would make is taken for corrupt:
/// it would keep a thread busy for minutes.
const MAX_STORED_COST: u32 = 15;

#[expect(clippy::disallowed_methods, reason = "this is the one place that hashes")]
pub fn hash(password: &SecretString, cost: u32) -> Result<PasswordHash, Fault> {
    let hash = bcrypt::hash(password.expose_secret(), cost).doing("hashing a password")?;
    Ok(PasswordHash::from(hash))
}

/// A hash that cannot be read matches nothing, after the same work.
#[expect(clippy::disallowed_methods, reason = "this is the one place that verifies")]
pub fn verify(password: &SecretString, stored: &PasswordHash, decoy: &PasswordHash) -> bool {
    let text = password.expose_secret();
    match stored.format() {
        Some(Format::Bcrypt { cost }) if cost <= MAX_STORED_COST => {
            bcrypt::verify(text, stored.as_str()).unwrap_or(false)
        }
        Some(Format::Scrypt { salt, key }) => verify_scrypt(text, salt, &key),
        Some(Format::Bcrypt { .. }) | None => {
            tracing::error!("a stored password hash is none that we can check; the sign-in fails");
            bcrypt::verify(text, decoy.as_str()).is_ok_and(|_| false)
        }
    }
}

/// As Better Auth does it by itself: the password in NFKC, the salt's hexadecimal
/// text taken for bytes, N = 2^14, r = 16, p = 1 (contract 9.7).
fn verify_scrypt(password: &str, salt: &str, key: &[u8; 64]) -> bool {
    let password: String = password.nfkc().collect();
    let mut derived = [0; 64];
    let done = scrypt::Params::new(14, 16, 1).is_ok_and(|params| {
        scrypt::scrypt(password.as_bytes(), salt.as_bytes(), &params, &mut derived).is_ok()
    });
    done && derived.ct_eq(key).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(password: &str, stored: &str) -> bool {
        let decoy = hash(&"nobody knows".into(), 10).expect("hashes");
        verify(&password.into(), &stored.to_owned().into(), &decoy)
    }

    #[test]
    fn hashes_made_elsewhere_verify() {
        // The password of each is "U*U", from Openwall's crypt_blowfish test vectors.
        for prefix in ["$2a$", "$2b$", "$2y$"] {
            let stored =
                format!("{prefix}05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW");
            assert!(matches("U*U", &stored), "{prefix}");
        }
    }

    #[test]
    fn hashes_of_better_auth_itself_verify() {
        // Made with another implementation. Its password has a ligature, which NFKC
        // takes apart.
        let stored = "00112233445566778899aabbccddeeff:b82c27f338d8a8ea171023fe1e17a5ec83deef8237ece3f09fdd444fd0a516a76527c04cea62a68e5300c3d14629a02eaf1ae4aa0f101a1b7f09a6b4b2dbe8ba";
        assert!(matches("\u{fb01}sh and chips", stored));
        assert!(matches("fish and chips", stored));
        assert!(!matches("fish and chip", stored));
    }

    #[test]
    fn a_hash_that_is_none_matches_nothing() {
        let costly = "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        for stored in ["", "x", "$2b$", costly, "\u{e9}$2b$10$", "U*U"] {
            assert!(!matches("U*U", stored), "{stored}");
        }
    }
}
