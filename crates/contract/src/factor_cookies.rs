//! The cookies of a second factor (contract 6.3, 6.6) and of passkeys (contract 7.1).

use auth_types::{CeremonyToken, ChallengeToken, DeviceToken, SessionToken, UserId};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use hmac::Mac;
use http::HeaderMap;

use crate::{
    cookies::{Cookies, Name, Remember},
    session::SessionOpened,
};

/// As long as a challenge lives, in seconds.
const TWO_FACTOR_MAX_AGE_SECS: u32 = 600;
/// As long as a device is trusted without being used, in seconds.
const TRUST_DEVICE_MAX_AGE_SECS: u32 = 2_592_000;
/// As long as a ceremony with a passkey may take, in seconds.
const PASSKEY_MAX_AGE_SECS: u32 = 300;

/// What a browser says of itself to be spared the second factor.
#[derive(Debug)]
pub enum PresentedDevice {
    Nothing,
    /// Another user's, or not ours.
    Foreign,
    Of(DeviceToken),
}

impl Cookies {
    /// The sign-in that this browser has begun, if its signature is right. No other
    /// cookie's value has this form, so it does not matter that a signature does not
    /// cover the name.
    #[must_use]
    pub fn challenge(&self, headers: &HeaderMap) -> Option<ChallengeToken> {
        ChallengeToken::parse(&self.read(headers, Name::TwoFactor)?)
    }

    /// What the browser was given when this user chose to trust it.
    #[must_use]
    pub fn presented_device(&self, headers: &HeaderMap, user: &UserId) -> PresentedDevice {
        let Some(value) = self.read(headers, Name::TrustDevice) else {
            return PresentedDevice::Nothing;
        };
        let device = value.split_once('!').and_then(|(mac, identifier)| {
            let mac = BASE64_URL_SAFE_NO_PAD.decode(mac).ok()?;
            self.names_device(user, identifier, &mac).then(|| DeviceToken::parse(identifier))?
        });
        device.map_or(PresentedDevice::Foreign, PresentedDevice::Of)
    }

    fn names_device(&self, user: &UserId, identifier: &str, mac: &[u8]) -> bool {
        let named = format!("{user}!{identifier}");
        self.macs.iter().any(|keyed| keyed.clone().chain_update(&named).verify_slice(mac).is_ok())
    }

    #[must_use]
    pub fn trust_device(&self, user: &UserId, device: &DeviceToken) -> String {
        let named = format!("{user}!{}", device.expose());
        let mac = self.macs[0].clone().chain_update(named).finalize().into_bytes();
        let value = format!("{}!{}", BASE64_URL_SAFE_NO_PAD.encode(mac), device.expose());
        self.set(Name::TrustDevice, &value, Some(TRUST_DEVICE_MAX_AGE_SECS))
    }

    /// The ceremony with a passkey that this browser has begun. It is never cleared: the
    /// ceremony is used up on our side (contract 7.1).
    #[must_use]
    pub fn ceremony(&self, headers: &HeaderMap) -> Option<CeremonyToken> {
        CeremonyToken::parse(&self.read(headers, Name::Passkey)?)
    }

    #[must_use]
    pub fn start_ceremony(&self, ceremony: &CeremonyToken) -> String {
        self.set(Name::Passkey, ceremony.expose(), Some(PASSKEY_MAX_AGE_SECS))
    }

    #[must_use]
    pub fn clear_trust_device(&self) -> String {
        self.clear(Name::TrustDevice)
    }

    #[must_use]
    pub fn clear_challenge(&self) -> String {
        self.clear(Name::TwoFactor)
    }

    /// `Set-Cookie` values of a sign-in that has come half way. `presented` is what
    /// did not spare the second factor; it is of no more use.
    #[must_use]
    pub fn start_challenge(
        &self,
        challenge: &ChallengeToken,
        remember: Remember,
        presented: &PresentedDevice,
    ) -> Vec<String> {
        let mut lines = Vec::new();
        if remember == Remember::No {
            lines.push(self.set(Name::DontRemember, "true", None));
        }
        if !matches!(presented, PresentedDevice::Nothing) {
            lines.push(self.clear_trust_device());
        }
        lines.push(self.clear(Name::SessionToken));
        lines.push(self.clear(Name::SessionData));
        lines.push(self.set(Name::TwoFactor, challenge.expose(), Some(TWO_FACTOR_MAX_AGE_SECS)));
        lines
    }

    /// `Set-Cookie` values that put the session into the browser which has taken the place
    /// of the one it had. The new one is remembered as the old one was.
    #[must_use]
    pub fn rotated_session(&self, opened: &SessionOpened, headers: &HeaderMap) -> Vec<String> {
        let remember = if opened.session.extendable { Remember::Yes } else { Remember::No };
        self.set_session(&opened.token, remember, self.dont_remember(headers))
    }

    /// `Set-Cookie` values of a sign-in that is complete. Whoever trusts a browser is
    /// remembered by it.
    #[must_use]
    pub fn complete_challenge(
        &self,
        token: &SessionToken,
        remember: Remember,
        had: Remember,
        trusted: Option<(&UserId, &DeviceToken)>,
    ) -> Vec<String> {
        let mut lines = self.set_session(token, remember, had);
        if trusted.is_some() {
            // Of two lines for one cookie only the clear below may be there.
            lines.truncate(1);
        }
        lines.push(self.clear_challenge());
        if let Some((user, device)) = trusted {
            lines.push(self.trust_device(user, device));
            lines.push(self.clear(Name::DontRemember));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RootSecrets;
    use http::{HeaderValue, header};

    const VECTOR: &str = "ID60HZ4nOGVYBw4b4ruwUbf4YsxlLUVno2WNOtnJG34!trust-device-abcdefghijklmnopqrstuvwxyzABCDEF.M3YKyUhg9pjVbHqpSbU1O2U215ypvDez63IOxJG15bU%3D";

    fn cookies() -> Cookies {
        Cookies::new(
            &RootSecrets::parse("contract-test-secret-0123456789-abcdefghij").expect("fit"),
            false,
        )
    }

    fn user() -> UserId {
        "0123456789abcdefghijABCDEFGHIJ01".to_owned().into()
    }

    fn device() -> DeviceToken {
        DeviceToken::parse("trust-device-abcdefghijklmnopqrstuvwxyzABCDEF").expect("one")
    }

    fn request(cookie: &str) -> HeaderMap {
        HeaderMap::from_iter([(
            header::COOKIE,
            HeaderValue::from_str(cookie).expect("a header value"),
        )])
    }

    #[test]
    fn the_vector_of_the_contract_holds() {
        let expected = format!(
            "better-auth.trust_device={VECTOR}; Max-Age=2592000; Path=/; HttpOnly; SameSite=Lax"
        );
        assert_eq!(cookies().trust_device(&user(), &device()), expected);
    }

    #[test]
    fn a_device_is_trusted_for_its_own_user_only() {
        let headers = request(&format!("better-auth.trust_device={VECTOR}"));
        let presented = |user: &str| cookies().presented_device(&headers, &user.to_owned().into());
        assert!(
            matches!(presented(user().as_str()), PresentedDevice::Of(token) if token.expose() == device().expose())
        );
        assert!(matches!(presented("somebody else"), PresentedDevice::Foreign));
        let none = cookies().presented_device(&request("x=y"), &user());
        assert!(matches!(none, PresentedDevice::Nothing));
    }

    #[test]
    fn a_ceremony_is_read_as_it_was_written_and_lives_five_minutes() {
        let ceremony = CeremonyToken::generate(&mut rand::rng());
        let line = cookies().start_ceremony(&ceremony);
        let (pair, attributes) = line.split_once(';').expect("attributes");
        assert!(pair.starts_with("better-auth.better-auth-passkey=pk_"), "{line}");
        assert_eq!(attributes, " Max-Age=300; Path=/; HttpOnly; SameSite=Lax");
        let read = cookies().ceremony(&request(pair)).expect("one");
        assert_eq!(read.expose(), ceremony.expose());
        let elsewhere = pair.replace("better-auth-passkey", "session_token");
        assert!(cookies().session_token(&request(&elsewhere)).is_none());
    }

    #[test]
    fn another_cookies_value_is_no_challenge_and_no_device() {
        for value in ["true.%2FKbe9nFfYxn%2FkN3Rxz4tUXFKp0TrKfMW8gaixi%2BhUNk%3D", VECTOR] {
            assert!(
                cookies().challenge(&request(&format!("better-auth.two_factor={value}"))).is_none()
            );
        }
        let signed = cookies().set(Name::TwoFactor, device().expose(), None);
        let pair = signed.replace("two_factor", "trust_device");
        let presented =
            cookies().presented_device(&request(pair.split(';').next().expect("a pair")), &user());
        assert!(matches!(presented, PresentedDevice::Foreign));
    }

    #[test]
    fn lines_come_in_the_order_of_the_contract() {
        let rng = &mut rand::rng();
        let (challenge, token) = (ChallengeToken::generate(rng), SessionToken::generate(rng));
        let names = |lines: Vec<String>| -> Vec<String> {
            let name = |line: &String| {
                let name = line
                    .split_once('=')
                    .expect("a pair")
                    .0
                    .trim_start_matches("better-auth.")
                    .to_owned();
                if line.contains("Max-Age=0") { format!("-{name}") } else { name }
            };
            lines.iter().map(name).collect()
        };
        let begun = cookies().start_challenge(&challenge, Remember::No, &PresentedDevice::Nothing);
        assert_eq!(
            names(begun),
            ["dont_remember", "-session_token", "-session_data", "two_factor"]
        );
        let begun = cookies().start_challenge(&challenge, Remember::Yes, &PresentedDevice::Foreign);
        assert_eq!(
            names(begun),
            ["-trust_device", "-session_token", "-session_data", "two_factor"]
        );
        let done = cookies().complete_challenge(&token, Remember::No, Remember::No, None);
        assert_eq!(names(done), ["session_token", "dont_remember", "-two_factor"]);
        let trusted = (user(), device());
        let done = cookies().complete_challenge(
            &token,
            Remember::No,
            Remember::No,
            Some((&trusted.0, &trusted.1)),
        );
        assert_eq!(names(done), ["session_token", "-two_factor", "trust_device", "-dont_remember"]);
    }
}
