//! Cookies, byte for byte as Better Auth writes and reads them (contract 2).
//!
//! A signed cookie is `<value>.<base64 HMAC-SHA-256 of value>`, percent-encoded.
//! What is missing, malformed or signed by someone else reads as no cookie.

use auth_types::SessionToken;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use http::{HeaderMap, header};
use percent_encoding::percent_decode_str;
use secrecy::ExposeSecret;
use sha2::Sha256;

pub use crate::factor_cookies::PresentedDevice;
use crate::{RootSecrets, uri};

/// `Max-Age` of a remembered session's cookie, in seconds. Always the full week,
/// even when the session's own expiry is nearer (contract 2.6).
const SESSION_MAX_AGE_SECS: u32 = 604_800;

/// The cookies of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name {
    SessionToken,
    /// Present when the user asked not to be remembered.
    DontRemember,
    /// Better Auth's cookie cache. We never set it, and clear what we are sent.
    SessionData,
    /// An admin's own session, while they act as somebody else.
    AdminSession,
    /// A sign-in whose second factor is owed.
    TwoFactor,
    /// A browser from which no second factor is asked.
    TrustDevice,
    /// A ceremony with a passkey that has begun.
    Passkey,
    /// A sign-in that goes by way of a social provider.
    State,
}

impl Name {
    /// Cleared together, in this order, when a session ends (contract 2.4).
    const OF_SESSION: [Self; 3] = [Self::SessionToken, Self::SessionData, Self::DontRemember];

    fn plain(self) -> &'static str {
        match self {
            Self::SessionToken => "better-auth.session_token",
            Self::DontRemember => "better-auth.dont_remember",
            Self::SessionData => "better-auth.session_data",
            Self::AdminSession => "better-auth.admin_session",
            Self::TwoFactor => "better-auth.two_factor",
            Self::TrustDevice => "better-auth.trust_device",
            Self::Passkey => "better-auth.better-auth-passkey",
            Self::State => "better-auth.state",
        }
    }

    fn secure(self) -> &'static str {
        match self {
            Self::SessionToken => "__Secure-better-auth.session_token",
            Self::DontRemember => "__Secure-better-auth.dont_remember",
            Self::SessionData => "__Secure-better-auth.session_data",
            Self::AdminSession => "__Secure-better-auth.admin_session",
            Self::TwoFactor => "__Secure-better-auth.two_factor",
            Self::TrustDevice => "__Secure-better-auth.trust_device",
            Self::Passkey => "__Secure-better-auth.better-auth-passkey",
            Self::State => "__Secure-better-auth.state",
        }
    }
}

/// Whether the browser keeps a session's cookie when it closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remember {
    Yes,
    No,
}

/// An admin's own session, as their browser keeps it while they act as somebody else.
#[derive(Debug, Clone)]
pub struct AdminSession {
    pub token: SessionToken,
    /// Whether the admin had asked to be remembered.
    pub remember: Remember,
}

/// Writes and reads cookies under the deployment's secrets and scheme.
#[derive(Clone)]
pub struct Cookies {
    /// Keyed once: a clone is cheaper than keying anew for each request.
    pub(crate) macs: Vec<Hmac<Sha256>>,
    /// The base URL is https: names are prefixed, attributes say `Secure`, and a
    /// cookie without the prefix is not ours.
    secure: bool,
}

impl Cookies {
    #[must_use]
    pub fn new(secrets: &RootSecrets, secure: bool) -> Self {
        let keyed = |secret: &secrecy::SecretString| {
            Hmac::new_from_slice(secret.expose_secret().as_bytes()).expect("HMAC takes any key")
        };
        Self { macs: secrets.all().map(keyed).collect(), secure }
    }

    /// The session token of a request, if its signature is right.
    #[must_use]
    pub fn session_token(&self, headers: &HeaderMap) -> Option<SessionToken> {
        self.read(headers, Name::SessionToken).and_then(|value| SessionToken::parse(&value))
    }

    /// Whether the client carries a valid "don't remember me".
    #[must_use]
    pub fn dont_remember(&self, headers: &HeaderMap) -> Remember {
        match self.read(headers, Name::DontRemember).as_deref() {
            Some("true") => Remember::No,
            _ => Remember::Yes,
        }
    }

    /// `Set-Cookie` values that put a session into the browser (contract 2.6).
    /// `had_dont_remember` is what the request carried.
    #[must_use]
    pub fn set_session(
        &self,
        token: &SessionToken,
        remember: Remember,
        had: Remember,
    ) -> Vec<String> {
        match (remember, had) {
            (Remember::No, _) => vec![
                self.set(Name::SessionToken, token.expose(), None),
                self.set(Name::DontRemember, "true", None),
            ],
            (Remember::Yes, Remember::No) => vec![
                self.set(Name::SessionToken, token.expose(), Some(SESSION_MAX_AGE_SECS)),
                self.clear(Name::DontRemember),
            ],
            (Remember::Yes, Remember::Yes) => {
                vec![self.set(Name::SessionToken, token.expose(), Some(SESSION_MAX_AGE_SECS))]
            }
        }
    }

    /// `Set-Cookie` values that end a session in the browser.
    #[must_use]
    pub fn clear_session(&self) -> [String; 3] {
        Name::OF_SESSION.map(|name| self.clear(name))
    }

    /// The admin's own session in a browser where they act as somebody else. A
    /// signature does not cover the cookie's name, but no other cookie's value has
    /// this form.
    #[must_use]
    pub fn admin_session(&self, headers: &HeaderMap) -> Option<AdminSession> {
        let value = self.read(headers, Name::AdminSession)?;
        let (token, flag) = value.split_once(':')?;
        let remember = if flag == "true" { Remember::No } else { Remember::Yes };
        Some(AdminSession { token: SessionToken::parse(token)?, remember })
    }

    /// `Set-Cookie` values that put an admin into another's session, in the order
    /// of contract 5.5. That session's cookie goes when the browser closes.
    #[must_use]
    pub fn start_impersonation(&self, admin: &AdminSession, token: &SessionToken) -> Vec<String> {
        let flag = if admin.remember == Remember::No { "true" } else { "" };
        let kept = format!("{}:{flag}", admin.token.expose());
        let mut lines = Vec::from(self.clear_session());
        lines.push(self.set(Name::AdminSession, &kept, Some(SESSION_MAX_AGE_SECS)));
        lines.extend(self.set_session(token, Remember::No, Remember::No));
        lines
    }

    /// `Set-Cookie` values that bring an admin back into their own session.
    #[must_use]
    pub fn stop_impersonation(&self, admin: &AdminSession, had: Remember) -> Vec<String> {
        let mut lines = self.set_session(&admin.token, admin.remember, had);
        lines.push(self.clear(Name::AdminSession));
        lines
    }

    pub(crate) fn read(&self, headers: &HeaderMap, name: Name) -> Option<String> {
        let value = decode(find(headers, self.name(name))?);
        let (value, signature) = value.rsplit_once('.')?;
        if value.is_empty() || signature.len() != 44 || !signature.ends_with('=') {
            return None;
        }
        let signature = BASE64_STANDARD.decode(signature).ok()?;
        let signed = self.macs.iter().any(|keyed| {
            keyed.clone().chain_update(value.as_bytes()).verify_slice(&signature).is_ok()
        });
        signed.then(|| value.to_owned())
    }

    pub(crate) fn set(&self, name: Name, value: &str, max_age_secs: Option<u32>) -> String {
        let mac = self.macs[0].clone().chain_update(value.as_bytes()).finalize().into_bytes();
        let signed = format!("{value}.{}", BASE64_STANDARD.encode(mac));
        self.line(name, &uri::component(&signed).to_string(), max_age_secs)
    }

    pub(crate) fn clear(&self, name: Name) -> String {
        self.line(name, "", Some(0))
    }

    fn line(&self, name: Name, value: &str, max_age_secs: Option<u32>) -> String {
        let name = self.name(name);
        let max_age = max_age_secs.map(|secs| format!("; Max-Age={secs}")).unwrap_or_default();
        let secure = if self.secure { "; Secure" } else { "" };
        format!("{name}={value}{max_age}; Path=/; HttpOnly{secure}; SameSite=Lax")
    }

    fn name(&self, name: Name) -> &'static str {
        if self.secure { name.secure() } else { name.plain() }
    }
}

/// The first cookie of that name, trimmed, without the quotes around it.
fn find<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let pairs = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'));
    let (_, value) =
        pairs.filter_map(|pair| pair.split_once('=')).find(|(name, _)| name.trim() == wanted)?;
    let value = value.trim();
    match value.strip_prefix('"') {
        Some(quoted) => {
            let mut inner = quoted.chars();
            inner.next_back();
            Some(inner.as_str())
        }
        None => Some(value),
    }
}

/// Percent-decoded once; text that does not decode stays as it is.
fn decode(value: &str) -> String {
    let well_formed = value
        .split('%')
        .skip(1)
        .all(|after| after.len() >= 2 && after.as_bytes()[..2].iter().all(u8::is_ascii_hexdigit));
    if !well_formed {
        return value.to_owned();
    }
    percent_decode_str(value).decode_utf8().map_or_else(|_| value.to_owned(), Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const SECRET: &str = "contract-test-secret-0123456789-abcdefghij";
    const TOKEN: &str = "abcdefghijklmnopqrstuvwxyzABCDEF";
    const SIGNED: &str =
        "abcdefghijklmnopqrstuvwxyzABCDEF.hDnNVaELrKNtKZioSgs%2FbTNBDGrhCqBPLusDQdJ3y3o%3D";

    fn cookies(secure: bool) -> Cookies {
        Cookies::new(&RootSecrets::parse(SECRET).expect("fit"), secure)
    }

    fn token() -> SessionToken {
        SessionToken::parse(TOKEN).expect("a token")
    }

    fn request(cookie: &str) -> HeaderMap {
        let value = HeaderValue::from_str(cookie).expect("a header value");
        HeaderMap::from_iter([(header::COOKIE, value)])
    }

    fn reads(cookie: &str) -> bool {
        cookies(false).session_token(&request(cookie)).is_some_and(|t| t.expose() == TOKEN)
    }

    #[test]
    fn the_vectors_of_the_contract_hold() {
        assert_eq!(
            cookies(false).set_session(&token(), Remember::Yes, Remember::Yes),
            [format!(
                "better-auth.session_token={SIGNED}; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
            )]
        );
        assert_eq!(
            cookies(true).set_session(&token(), Remember::No, Remember::Yes),
            [
                format!("__Secure-better-auth.session_token={SIGNED}; Path=/; HttpOnly; Secure; SameSite=Lax"),
                "__Secure-better-auth.dont_remember=true.%2FKbe9nFfYxn%2FkN3Rxz4tUXFKp0TrKfMW8gaixi%2BhUNk%3D; Path=/; HttpOnly; Secure; SameSite=Lax".to_owned(),
            ]
        );
        assert_eq!(
            cookies(false).clear_session()[1],
            "better-auth.session_data=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn an_impersonation_keeps_the_admins_own_session_aside() {
        let (yes, no) = (Remember::Yes, Remember::No);
        let admin = |remember| AdminSession { token: token(), remember };
        let kept =
            |remember| cookies(false).start_impersonation(&admin(remember), &token())[3].clone();
        assert_eq!(
            kept(yes),
            "better-auth.admin_session=abcdefghijklmnopqrstuvwxyzABCDEF%3A.rxEWDjwQhJqwDONZLn8fq10qjoSeilopGLnFX%2FK4vgA%3D; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(
            kept(no),
            "better-auth.admin_session=abcdefghijklmnopqrstuvwxyzABCDEF%3Atrue.ztRSwq5lc5%2FUVc8OROw01Yq50VMjfTUQwEJyA7kFkgc%3D; Max-Age=604800; Path=/; HttpOnly; SameSite=Lax"
        );
        for remember in [yes, no] {
            let line = kept(remember);
            let read =
                cookies(false).admin_session(&request(line.split(';').next().expect("a pair")));
            assert!(
                read.is_some_and(|read| read.token.expose() == TOKEN && read.remember == remember)
            );
        }
    }

    #[test]
    fn no_other_cookie_passes_for_the_admins_session() {
        assert!(
            cookies(false)
                .admin_session(&request(&format!("better-auth.admin_session={SIGNED}")))
                .is_none()
        );
        let kept =
            "abcdefghijklmnopqrstuvwxyzABCDEF%3A.rxEWDjwQhJqwDONZLn8fq10qjoSeilopGLnFX%2FK4vgA%3D";
        assert!(!reads(&format!("better-auth.session_token={kept}")));
    }

    #[test]
    fn a_remembered_sign_in_drops_the_old_dont_remember() {
        let lines = cookies(false).set_session(&token(), Remember::Yes, Remember::No);
        assert_eq!(
            lines[1],
            "better-auth.dont_remember=; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"
        );
    }

    #[test]
    fn reading_is_as_lenient_as_the_original() {
        let raw = "abcdefghijklmnopqrstuvwxyzABCDEF.hDnNVaELrKNtKZioSgs/bTNBDGrhCqBPLusDQdJ3y3o=";
        assert!(reads(&format!("better-auth.session_token={SIGNED}")));
        assert!(reads(&format!("theme=dark;  better-auth.session_token = {SIGNED} ; x=y")));
        assert!(reads(&format!("better-auth.session_token={raw}")));
        assert!(reads(&format!("better-auth.session_token=\"{SIGNED}\"")));
    }

    #[test]
    fn the_first_of_two_counts() {
        assert!(!reads(&format!(
            "better-auth.session_token=x; better-auth.session_token={SIGNED}"
        )));
    }

    #[test]
    fn on_https_only_the_prefixed_name_is_read() {
        let plain = request(&format!("better-auth.session_token={SIGNED}"));
        let prefixed = request(&format!("__Secure-better-auth.session_token={SIGNED}"));
        assert!(cookies(true).session_token(&plain).is_none());
        assert!(cookies(true).session_token(&prefixed).is_some());
        assert!(cookies(false).session_token(&prefixed).is_none());
    }

    #[test]
    fn an_older_secret_still_verifies_and_no_longer_signs() {
        let rotated = format!("2:a-newer-secret-of-good-length-0123456789,1:{SECRET}");
        let rotated = Cookies::new(&RootSecrets::parse(&rotated).expect("a list"), false);
        assert!(
            rotated
                .session_token(&request(&format!("better-auth.session_token={SIGNED}")))
                .is_some()
        );
        assert!(!rotated.set_session(&token(), Remember::Yes, Remember::Yes)[0].contains(SIGNED));
    }

    proptest! {
        #[test]
        fn one_changed_character_is_no_cookie(at in 0..SIGNED.len(), with in "[!-~&&[^;%\"]]") {
            let mut changed = SIGNED.to_owned();
            changed.replace_range(at..=at, &with);
            prop_assume!(changed != SIGNED && decode(&changed) != decode(SIGNED));
            let cookie = format!("better-auth.session_token={changed}");
            prop_assert!(!reads(&cookie));
        }

        #[test]
        fn any_bytes_read_as_something_or_nothing(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let headers = HeaderMap::from_iter([(header::COOKIE, value)]);
                prop_assert!(cookies(false).session_token(&headers).is_none());
            }
        }
    }
}
