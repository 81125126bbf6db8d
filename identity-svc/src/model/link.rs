//! Links that go out in mails.
//!
//! They begin with the configured origin of the API, never with what a request
//! says of itself, and carry the callback percent-encoded (contract 4.2).

use contract::uri::component;

use crate::model::one_time_token::OneTimeToken;

/// `callback` is `/` when none was given.
#[must_use]
pub fn verify_email(api_origin: &str, token: &str, callback: Option<&str>) -> String {
    let callback = component(callback.unwrap_or("/"));
    format!("{api_origin}/api/auth/verify-email?token={token}&callbackURL={callback}")
}

/// Without a `redirect` the callback is there all the same, and empty (contract 4.4).
#[must_use]
pub fn reset_password(api_origin: &str, token: &OneTimeToken, redirect: Option<&str>) -> String {
    let (token, redirect) = (token.expose(), component(redirect.unwrap_or_default()));
    format!("{api_origin}/api/auth/reset-password/{token}?callbackURL={redirect}")
}

#[must_use]
pub fn delete_user(api_origin: &str, token: &OneTimeToken, callback: Option<&str>) -> String {
    let (token, callback) = (token.expose(), component(callback.unwrap_or("/")));
    format!("{api_origin}/api/auth/delete-user/callback?token={token}&callbackURL={callback}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_carries_its_callback_component() {
        let token = OneTimeToken::from_text("t".to_owned());
        let at = "https://a.example";
        assert_eq!(
            verify_email(at, "t", None),
            "https://a.example/api/auth/verify-email?token=t&callbackURL=%2F"
        );
        assert_eq!(
            reset_password(at, &token, Some("/new-one?a=1&b=2")),
            "https://a.example/api/auth/reset-password/t?callbackURL=%2Fnew-one%3Fa%3D1%26b%3D2"
        );
        assert!(reset_password(at, &token, None).ends_with("/t?callbackURL="));
        assert_eq!(
            delete_user(at, &token, None),
            "https://a.example/api/auth/delete-user/callback?token=t&callbackURL=%2F"
        );
    }
}
