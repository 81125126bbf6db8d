//! The address that an authenticator app takes a secret from (contract 6.7).

use contract::uri::component;
use data_encoding::BASE32_NOPAD;

use crate::model::totp::{DIGITS, PERIOD_SECS, TotpSecret};

pub const DEFAULT_ISSUER: &str = "StellarStack";
/// Longest issuer, in characters: the address has to fit a QR code.
pub const ISSUER_MAX_CHARS: usize = 64;

#[must_use]
pub fn uri(secret: &TotpSecret, issuer: &str, email: &str) -> String {
    let key = BASE32_NOPAD.encode(secret.key());
    let query = [
        ("secret", key.as_str()),
        ("issuer", issuer),
        ("digits", &DIGITS.to_string()),
        ("period", &PERIOD_SECS.to_string()),
    ];
    let query = serde_urlencoded::to_string(query).expect("pairs of text");
    format!("otpauth://totp/{}:{}?{query}", component(issuer), component(email))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vector_of_the_contract_holds() {
        let secret = TotpSecret::parse("I85Yqdsusfbn-RypkcFVaREdARtFHH5t").expect("a secret");
        assert_eq!(
            uri(&secret, DEFAULT_ISSUER, "ann+1@example.com"),
            "otpauth://totp/StellarStack:ann%2B1%40example.com?secret=JE4DKWLRMRZXK43GMJXC2UTZOBVWGRSWMFJEKZCBKJ2EMSCIGV2A&issuer=StellarStack&digits=6&period=30"
        );
    }

    #[test]
    fn an_issuer_cannot_add_parameters() {
        let secret = TotpSecret::parse(&"x".repeat(32)).expect("a secret");
        let uri = uri(&secret, "My Panel&secret=AAAA:/?#", "a@b.co");
        assert!(
            uri.starts_with(
                "otpauth://totp/My%20Panel%26secret%3DAAAA%3A%2F%3F%23:a%40b.co?secret="
            ),
            "{uri}"
        );
        assert!(uri.contains("&issuer=My+Panel%26secret%3DAAAA%3A%2F%3F%23&digits=6"), "{uri}");
    }
}
