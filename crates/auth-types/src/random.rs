//! Random text over an alphabet, drawn without bias.

use rand::{CryptoRng, RngExt};

/// `[a-zA-Z0-9]`: ids, session tokens, reset tokens (contract 2.1).
pub const ALPHANUMERIC: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// `[a-zA-Z0-9_-]`: challenges, trusted devices, TOTP secrets (contract 2.1).
pub const URL_SAFE: &[u8] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

/// `[0-9]`: one-time codes.
pub const DIGITS: &[u8] = b"0123456789";

/// `length` characters of `alphabet`, each equally likely.
///
/// # Panics
/// When the alphabet is empty.
pub fn text(rng: &mut impl CryptoRng, alphabet: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(alphabet[rng.random_range(0..alphabet.len())])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_letter_of_the_alphabet_turns_up() {
        let drawn = text(&mut rand::rng(), ALPHANUMERIC, 20_000);
        for letter in ALPHANUMERIC {
            assert!(drawn.contains(char::from(*letter)), "{} never came", *letter as char);
        }
    }
}
