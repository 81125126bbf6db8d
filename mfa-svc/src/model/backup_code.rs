//! Backup codes: ten, each good once, for who has lost the app.

use auth_types::random;
use rand::CryptoRng;

const COUNT: usize = 10;
const HALF: usize = 5;

/// As they are shown, once: `xxxxx-xxxxx`, about 59 bits each (contract 6.7).
pub fn generate(rng: &mut impl CryptoRng) -> Vec<String> {
    let mut half = || random::text(rng, random::ALPHANUMERIC, HALF);
    (0..COUNT).map(|_| format!("{}-{}", half(), half())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_different_codes_of_two_halves() {
        let mut codes = generate(&mut rand::rng());
        assert!(codes.iter().all(|code| code.len() == 11 && code.as_bytes()[5] == b'-'));
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), COUNT);
    }
}
