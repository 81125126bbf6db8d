//! The cookie that binds a social sign-in to the browser it began in (contract 8.2).

use auth_types::StateToken;
use http::HeaderMap;

use crate::cookies::{Cookies, Name};

/// Shorter than the flow itself may take on the server: contract 2.1.
const STATE_MAX_AGE_SECS: u32 = 300;

impl Cookies {
    /// The flow that this browser has begun, if its signature is right. Another flow begun
    /// since has taken its place: there is one cookie.
    #[must_use]
    pub fn state(&self, headers: &HeaderMap) -> Option<StateToken> {
        StateToken::parse(&self.read(headers, Name::State)?)
    }

    #[must_use]
    pub fn start_state(&self, state: &StateToken) -> String {
        self.set(Name::State, state.expose(), Some(STATE_MAX_AGE_SECS))
    }

    #[must_use]
    pub fn clear_state(&self) -> String {
        self.clear(Name::State)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootSecrets;
    use auth_types::SessionToken;
    use http::{HeaderValue, header};

    fn request(line: &str, name: &str) -> HeaderMap {
        let value = line.split(';').next().and_then(|pair| pair.split_once('=')).expect("a pair").1;
        let cookie = HeaderValue::try_from(format!("{name}={value}")).expect("a header value");
        HeaderMap::from_iter([(header::COOKIE, cookie)])
    }

    #[test]
    fn a_state_is_read_back_and_is_no_other_cookie() {
        let secrets =
            RootSecrets::parse("contract-test-secret-0123456789-abcdefghij").expect("fit");
        let cookies = Cookies::new(&secrets, false);
        let state = StateToken::generate(&mut rand::rng());
        let line = cookies.start_state(&state);
        assert!(line.ends_with("; Max-Age=300; Path=/; HttpOnly; SameSite=Lax"), "{line}");
        let read = cookies.state(&request(&line, "better-auth.state")).expect("ours");
        assert_eq!(read.expose(), state.expose());
        assert!(cookies.session_token(&request(&line, "better-auth.session_token")).is_none());

        let session = SessionToken::generate(&mut rand::rng());
        let line = &cookies.set_session(
            &session,
            crate::cookies::Remember::Yes,
            crate::cookies::Remember::Yes,
        )[0];
        assert!(cookies.state(&request(line, "better-auth.state")).is_none());
    }
}
