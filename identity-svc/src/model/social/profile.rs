//! What a provider says of somebody, and what of it we take.
//!
//! The list of fields is the whole list: whatever else a profile holds (a role, a flag)
//! goes nowhere. An address counts as proved only where the provider says the boolean
//! `true`, not a text or a number that looks like it.

use auth_types::Email;
use serde_json::Value;
use url::Url;

use crate::model::social::Provider;

/// Longest name that is kept, in characters.
const NAME_MAX_CHARS: usize = 255;
const IMAGE_MAX_BYTES: usize = 2048;
const SUBJECT_MAX_BYTES: usize = 255;

/// Who somebody is at their provider; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject(String);

impl Subject {
    /// OpenID Connect Core 2: at most 255 ASCII characters. The others' are numbers.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let fits = !text.is_empty()
            && text.len() <= SUBJECT_MAX_BYTES
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        fits.then(|| Self(text.to_owned()))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocialProfile {
    pub provider: Provider,
    pub subject: Subject,
    pub name: String,
    /// None where it is not of the one form that we store and compare.
    pub email: Option<Email>,
    pub email_verified: bool,
    pub image: Option<String>,
}

/// The body is not the profile of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer is no profile")]
pub struct NoProfile;

/// From the claims of an id token (contract 8.5).
pub fn of_google(claims: &Value) -> Result<SocialProfile, NoProfile> {
    let subject = text(claims, "sub").and_then(Subject::parse).ok_or(NoProfile)?;
    Ok(SocialProfile {
        provider: Provider::Google,
        subject,
        name: name(text(claims, "name")),
        email: email(text(claims, "email")),
        email_verified: is_true(claims.get("email_verified")),
        image: image(text(claims, "picture")),
    })
}

/// From `GET /user` and `GET /user/emails`. The address is the primary one of the second:
/// what the first shows is a choice of the user's, and says nothing of being proved.
pub fn of_github(user: &Value, emails: &Value) -> Result<SocialProfile, NoProfile> {
    let id = user.get("id").and_then(Value::as_u64).filter(|id| *id > 0).ok_or(NoProfile)?;
    let subject = Subject::parse(&id.to_string()).ok_or(NoProfile)?;
    let entries = emails.as_array().map(Vec::as_slice).unwrap_or_default();
    let primary = entries.iter().find(|entry| is_true(entry.get("primary")));
    let shown = text(user, "name").filter(|name| !name.is_empty()).or(text(user, "login"));
    Ok(SocialProfile {
        provider: Provider::GitHub,
        subject,
        name: name(shown),
        email: email(primary.and_then(|entry| text(entry, "email"))),
        email_verified: is_true(primary.and_then(|entry| entry.get("verified"))),
        image: image(text(user, "avatar_url")),
    })
}

/// From `GET /users/@me`.
pub fn of_discord(user: &Value) -> Result<SocialProfile, NoProfile> {
    let id = text(user, "id").ok_or(NoProfile)?;
    let number: u64 = id.parse().map_err(|_| NoProfile)?;
    let subject = Subject::parse(id).filter(|_| number > 0).ok_or(NoProfile)?;
    let shown = text(user, "global_name").filter(|name| !name.is_empty());
    Ok(SocialProfile {
        provider: Provider::Discord,
        subject,
        name: name(shown.or(text(user, "username"))),
        email: email(text(user, "email")),
        email_verified: is_true(user.get("verified")),
        image: image(Some(&discord_avatar(user, number))),
    })
}

fn discord_avatar(user: &Value, id: u64) -> String {
    let is_hash = |hash: &&str| {
        !hash.is_empty() && hash.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if let Some(avatar) = text(user, "avatar").filter(is_hash) {
        let kind = if avatar.starts_with("a_") { "gif" } else { "png" };
        return format!("https://cdn.discordapp.com/avatars/{id}/{avatar}.{kind}");
    }
    let discriminator = text(user, "discriminator").and_then(|text| text.parse::<u64>().ok());
    let number = match discriminator {
        Some(discriminator) if discriminator > 0 => discriminator % 5,
        _ => (id >> 22) % 6,
    };
    format!("https://cdn.discordapp.com/embed/avatars/{number}.png")
}

fn text<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

fn is_true(value: Option<&Value>) -> bool {
    value == Some(&Value::Bool(true))
}

/// The one parser; what it does not take is no address for us.
fn email(text: Option<&str>) -> Option<Email> {
    Email::parse(text?).ok()
}

fn name(text: Option<&str>) -> String {
    let plain = text.unwrap_or_default().chars().filter(|char| !char.is_control());
    plain.take(NAME_MAX_CHARS).collect::<String>().trim().to_owned()
}

/// An address that a page can show; nothing is fetched from it here.
fn image(text: Option<&str>) -> Option<String> {
    let url = text.filter(|text| text.len() <= IMAGE_MAX_BYTES)?;
    Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https")).map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn github(email: &Value) -> SocialProfile {
        of_github(&json!({ "id": 1, "login": "octocat" }), email).expect("a profile")
    }

    #[test]
    fn only_the_boolean_true_proves_an_address() {
        for not_true in
            [json!(false), json!("true"), json!("false"), json!(1), json!(null), json!([true])]
        {
            let google = json!({ "sub": "1", "email": "a@b.co", "email_verified": not_true });
            assert!(!of_google(&google).expect("a profile").email_verified, "{not_true}");
            let discord = json!({ "id": "1", "email": "a@b.co", "verified": not_true });
            assert!(!of_discord(&discord).expect("a profile").email_verified, "{not_true}");
            let entry = json!([{ "email": "a@b.co", "primary": true, "verified": not_true }]);
            assert!(!github(&entry).email_verified, "{not_true}");
        }
        let entry = json!([{ "email": "a@b.co", "primary": true, "verified": true }]);
        assert!(github(&entry).email_verified);
        assert!(
            of_google(&json!({ "sub": "1", "email_verified": true })).expect("one").email_verified
        );
        assert!(!of_google(&json!({ "sub": "1" })).expect("one").email_verified);
    }

    #[test]
    fn githubs_address_is_the_primary_one() {
        let emails = json!([
            { "email": "other@b.co", "primary": false, "verified": true },
            { "email": "Main@B.co", "primary": true, "verified": false },
        ]);
        let user = json!({ "id": 583_231, "login": "octocat", "name": "", "email": "other@b.co" });
        let profile = of_github(&user, &emails).expect("a profile");
        assert_eq!(profile.email, Email::parse("main@b.co").ok());
        assert!(!profile.email_verified);
        assert_eq!((profile.name.as_str(), profile.subject.as_str()), ("octocat", "583231"));
        for none in [
            json!([]),
            json!({}),
            json!([{ "email": "a@b.co", "primary": "true", "verified": true }]),
        ] {
            assert_eq!(github(&none).email, None, "{none}");
        }
    }

    #[test]
    fn nobody_is_nobody() {
        for id in
            [json!(null), json!(0), json!(-1), json!(1.5), json!("583231"), json!([]), json!(true)]
        {
            assert!(of_github(&json!({ "id": id }), &json!([])).is_err(), "{id}");
        }
        for id in [
            json!(null),
            json!(""),
            json!("0"),
            json!("undefined"),
            json!(80_351_110),
            json!("-1"),
            json!("1 "),
        ] {
            assert!(of_discord(&json!({ "id": id })).is_err(), "{id}");
        }
        for sub in
            [json!(null), json!(""), json!(1), json!("a b"), json!("é"), json!("x".repeat(256))]
        {
            assert!(of_google(&json!({ "sub": sub })).is_err(), "{sub}");
        }
        assert!(of_github(&json!({}), &json!([])).is_err() && of_discord(&json!("x")).is_err());
    }

    #[test]
    fn ambiguous_addresses_are_none() {
        for email in ["a@b@c.co", "a＠b.co", "a@b.co.", "a\0@b.co", "a@b.co ", "а@b.со"] {
            let profile = of_google(&json!({ "sub": "1", "email": email, "email_verified": true }));
            assert_eq!(profile.expect("a profile").email, None, "{email:?}");
        }
    }

    #[test]
    fn discords_pictures_are_found() {
        let avatar = |user: Value| of_discord(&user).expect("a profile").image.expect("one");
        let base = "https://cdn.discordapp.com";
        assert_eq!(
            avatar(json!({ "id": "80351110224678912", "discriminator": "1337" })),
            format!("{base}/embed/avatars/2.png")
        );
        assert_eq!(
            avatar(json!({ "id": "80351110224678912", "discriminator": "0" })),
            format!("{base}/embed/avatars/5.png")
        );
        let hash = "8342729096ea3675442027381ff50dfe";
        assert_eq!(
            avatar(json!({ "id": "80351110224678912", "avatar": hash })),
            format!("{base}/avatars/80351110224678912/{hash}.png")
        );
        assert!(avatar(json!({ "id": "1", "avatar": "a_1" })).ends_with("/avatars/1/a_1.gif"));
        assert!(avatar(json!({ "id": "1", "avatar": "../../x" })).contains("/embed/avatars/"));
    }

    #[test]
    fn a_picture_is_a_web_address_and_a_name_is_plain() {
        for picture in ["javascript:alert(1)", "data:image/png;base64,x", "x", ""] {
            assert_eq!(image(Some(picture)), None, "{picture}");
        }
        assert_eq!(name(Some("  A\u{0}n\nn ")), "Ann");
        assert_eq!(name(Some(&"x".repeat(999))).len(), NAME_MAX_CHARS);
    }

    proptest! {
        #[test]
        fn any_json_is_a_profile_or_none(text in "\\PC{0,20}", number in any::<i64>()) {
            let odd = json!({ "id": number, "sub": text, "email": text, "name": text, "picture": text });
            for profile in [of_google(&odd), of_github(&odd, &json!([odd])), of_discord(&odd)].into_iter().flatten() {
                prop_assert!(!profile.subject.as_str().is_empty());
            }
        }
    }
}
