use auth_types::{SessionToken, Timestamp, TokenDigest};
use contract::{
    Purpose,
    jwt::{IdentityClaims, Signer, Verifier},
};

use crate::secrets;

const ISSUER: &str = "http://localhost:3001";
const AUDIENCE: &str = "panel";

/// A token or a digest that is taken is written again as it was read.
pub fn session_token(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Some(token) = SessionToken::parse(text) {
        assert_eq!(token.expose(), text);
        let digest = token.digest();
        assert_eq!(TokenDigest::from_hex(&digest.to_string()), Some(digest));
    }
    if let Some(digest) = TokenDigest::from_hex(text) {
        assert_eq!(digest.to_string(), text);
    }
    if let Some(digest) = contract::session_copy::digest_of(text) {
        assert_eq!(contract::session_copy::key(digest), text);
    }
}

/// A statement is believed only if we could have signed it, as it stands: the same
/// claims signed anew are the same token, for Ed25519 knows no chance (RFC 8032).
pub fn assertion(bytes: &[u8]) {
    let Ok(token) = std::str::from_utf8(bytes) else { return };
    let verifier = Verifier::new(&secrets(), Purpose::IdentityAssertion, ISSUER, AUDIENCE);
    let Ok(claims) = verifier.verify::<IdentityClaims>(token, now()) else { return };
    assert_eq!((claims.iss.as_str(), claims.aud.as_str()), (ISSUER, AUDIENCE));
    assert!(claims.exp > now().unix_seconds());
    let signer = Signer::new(&secrets(), Purpose::IdentityAssertion);
    assert_eq!(signer.sign(&claims).expect("signs"), token, "somebody else signed it");
}

/// The instant at which the tokens of the corpus are good.
fn now() -> Timestamp {
    Timestamp::parse("2026-01-01T00:00:00.000Z").expect("an instant")
}
