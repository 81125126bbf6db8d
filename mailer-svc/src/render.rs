//! Templates, and the mails made from them.
//!
//! Every template is compiled in, and a file of the same name in a folder may
//! take its place. All of them are rendered once at the start, so a broken one
//! stops the service then and not a mail later.

use std::path::Path;

use anyhow::Context;
use contract::mail::{FactorChange, PasskeyChange, Template};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, context};

/// Longest name we greet somebody by, in characters.
const NAME_MAX_CHARS: usize = 100;
const SUBJECT_MAX_CHARS: usize = 200;

macro_rules! built_in {
    ($($file:literal),+ $(,)?) => {
        &[$(($file, include_str!(concat!("../templates/", $file)))),+]
    };
}

const BUILT_IN: &[(&str, &str)] = built_in![
    "layout.html",
    "verify-email.subject.txt",
    "verify-email.txt",
    "verify-email.html",
    "password-recovered.subject.txt",
    "password-recovered.txt",
    "password-recovered.html",
    "reset-password.subject.txt",
    "reset-password.txt",
    "reset-password.html",
    "password-changed.subject.txt",
    "password-changed.txt",
    "password-changed.html",
    "change-email-confirm.subject.txt",
    "change-email-confirm.txt",
    "change-email-confirm.html",
    "change-email-verify.subject.txt",
    "change-email-verify.txt",
    "change-email-verify.html",
    "email-changed.subject.txt",
    "email-changed.txt",
    "email-changed.html",
    "delete-account.subject.txt",
    "delete-account.txt",
    "delete-account.html",
    "two-factor-code.subject.txt",
    "two-factor-code.txt",
    "two-factor-code.html",
    "two-factor-changed.subject.txt",
    "two-factor-changed.txt",
    "two-factor-changed.html",
    "passkey-changed.subject.txt",
    "passkey-changed.txt",
    "passkey-changed.html",
];

/// What [`sample`] knows.
pub const SAMPLE_NAMES: [&str; 11] = [
    "verify-email",
    "password-recovered",
    "reset-password",
    "password-changed",
    "change-email-confirm",
    "change-email-verify",
    "email-changed",
    "delete-account",
    "two-factor-code",
    "two-factor-changed",
    "passkey-changed",
];

/// A template with made-up data, to look at and to try it.
#[must_use]
pub fn sample(sample_name: &str) -> Option<Template> {
    let name = "Ann Example".to_owned();
    let new_email = "ann@example.org".to_owned();
    let url = |path: &str| format!("https://panel.example.com/api/auth/{path}callbackURL=%2F");
    Some(match sample_name {
        "verify-email" => Template::VerifyEmail { name, url: url("verify-email?token=sample&") },
        "password-recovered" => Template::PasswordRecovered { name },
        "reset-password" => Template::ResetPassword { name, url: url("reset-password/sample?") },
        "password-changed" => Template::PasswordChanged { name },
        "change-email-confirm" => {
            Template::ChangeEmailConfirm { name, new_email, url: url("verify-email?token=sample&") }
        }
        "change-email-verify" => {
            Template::ChangeEmailVerify { name, url: url("verify-email?token=sample&") }
        }
        "email-changed" => Template::EmailChanged { name, new_email },
        "delete-account" => {
            Template::DeleteAccount { name, url: url("delete-user/callback?token=sample&") }
        }
        "two-factor-code" => Template::TwoFactorCode { name, code: "012345".to_owned() },
        "two-factor-changed" => {
            Template::TwoFactorChanged { name, change: FactorChange::TotpEnabled }
        }
        "passkey-changed" => Template::PasskeyChanged {
            name,
            passkey: "Laptop".to_owned(),
            change: PasskeyChange::Added,
        },
        _ => return None,
    })
}

/// What a mail says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    pub subject: String,
    pub text: String,
    pub html: String,
}

pub struct Templates(Environment<'static>);

impl Templates {
    /// The templates, those in `dir` in place of ours of the same name.
    pub fn load(dir: Option<&Path>) -> anyhow::Result<Self> {
        let mut templates = Environment::new();
        templates.set_undefined_behavior(UndefinedBehavior::Strict);
        templates.set_auto_escape_callback(escaping);
        for (file, built_in) in BUILT_IN {
            let replacement = dir.map(|dir| replacement(dir, file)).transpose()?.flatten();
            let source = replacement.unwrap_or_else(|| (*built_in).to_owned());
            let added = templates.add_template_owned(*file, source);
            added.with_context(|| format!("the mail template {file} is broken"))?;
        }
        let templates = Self(templates);
        for template in SAMPLE_NAMES.into_iter().filter_map(sample) {
            templates.render(&template)?;
        }
        Ok(templates)
    }

    pub fn render(&self, template: &Template) -> anyhow::Result<Rendered> {
        let (name, data) = (template.name(), data(template));
        let render = |kind: &str| {
            let file = format!("{name}.{kind}");
            let rendered = self.0.get_template(&file).and_then(|template| template.render(&data));
            rendered.with_context(|| format!("the mail template {file} cannot be rendered"))
        };
        Ok(Rendered {
            subject: one_line(&render("subject.txt")?, SUBJECT_MAX_CHARS),
            text: render("txt")?,
            html: render("html")?,
        })
    }
}

fn escaping(file: &str) -> AutoEscape {
    match file.rsplit_once('.') {
        Some((_, "html")) => AutoEscape::Html,
        _ => AutoEscape::None,
    }
}

fn replacement(dir: &Path, file: &str) -> anyhow::Result<Option<String>> {
    let path = dir.join(file);
    match std::fs::read_to_string(&path) {
        Ok(source) => {
            tracing::info!(file, "a mail template was replaced");
            Ok(Some(source))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && dir.is_dir() => Ok(None),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// What each template may use.
fn data(template: &Template) -> Value {
    let person = |name: &str| one_line(name, NAME_MAX_CHARS);
    match template {
        Template::VerifyEmail { name, url }
        | Template::ResetPassword { name, url }
        | Template::ChangeEmailVerify { name, url }
        | Template::DeleteAccount { name, url } => {
            context! { name => person(name), url => url.as_str() }
        }
        Template::PasswordRecovered { name } | Template::PasswordChanged { name } => {
            context! { name => person(name) }
        }
        Template::ChangeEmailConfirm { name, new_email, url } => {
            context! { name => person(name), new_email => new_email.as_str(), url => url.as_str() }
        }
        Template::EmailChanged { name, new_email } => {
            context! { name => person(name), new_email => new_email.as_str() }
        }
        Template::TwoFactorCode { name, code } => {
            context! { name => person(name), code => code.as_str() }
        }
        Template::TwoFactorChanged { name, change } => {
            context! { name => person(name), change => change.name() }
        }
        Template::PasskeyChanged { name, passkey, change } => {
            let passkey = one_line(passkey, NAME_MAX_CHARS);
            context! { name => person(name), passkey, change => change.name() }
        }
    }
}

/// Text that strangers may have chosen, cut to one line of a decent length: it
/// can neither begin a header nor pose as a paragraph of ours.
fn one_line(text: &str, max_chars: usize) -> String {
    let spaced = text.chars().map(|char| if char.is_whitespace() { ' ' } else { char });
    let plain: String = spaced.filter(|char| !char.is_control() && !turns_text(*char)).collect();
    let words: Vec<&str> = plain.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(max_chars).collect()
}

/// Characters that make a line read in another order than it is written in.
fn turns_text(char: char) -> bool {
    matches!(char, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://panel.example.com/api/auth/verify-email?token=x.y&callbackURL=%2F";

    fn verify_email(name: &str) -> Template {
        Template::VerifyEmail { name: name.into(), url: URL.into() }
    }

    fn with_file(file: &str, source: &str) -> anyhow::Result<Templates> {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join(file), source).expect("writes");
        Templates::load(Some(dir.path()))
    }

    #[test]
    fn the_link_is_in_both_parts() {
        let mail =
            Templates::load(None).expect("ours").render(&verify_email("Ann")).expect("renders");
        assert_eq!(mail.subject, "Confirm your e-mail address");
        assert!(mail.text.contains(&format!("\n{URL}\n")), "{}", mail.text);
        assert!(
            mail.text.starts_with("Hello Ann,\n") && mail.text.contains("one hour"),
            "{}",
            mail.text
        );
        let href = format!("href=\"{}\"", URL.replace('&', "&amp;").replace('/', "&#x2f;"));
        assert!(mail.html.contains(&href), "{}", mail.html);
    }

    #[test]
    fn a_name_is_text_and_never_markup() {
        let templates = Templates::load(None).expect("ours");
        let mail =
            templates.render(&verify_email("<a href=\"//evil\">Ann</a> & co")).expect("renders");
        assert!(!mail.html.contains("<a href=\"//evil"), "{}", mail.html);
        assert!(
            mail.html.contains("&lt;a href=") && mail.html.contains("&amp; co"),
            "{}",
            mail.html
        );
        assert!(mail.text.contains("<a href=\"//evil\">Ann</a> & co"), "{}", mail.text);
    }

    #[test]
    fn a_name_stays_on_its_line() {
        let templates = Templates::load(None).expect("ours");
        let name = "Ann,\r\n\r\nYour account\u{2028}is\u{0}\u{202e} locked";
        let mail = templates.render(&verify_email(name)).expect("renders");
        assert!(mail.text.starts_with("Hello Ann, Your account is locked,\n"), "{}", mail.text);
        assert_eq!(one_line(&"x".repeat(1000), NAME_MAX_CHARS).len(), NAME_MAX_CHARS);
    }

    #[test]
    fn a_subject_cannot_add_headers() {
        let template = "For {{ name }}\r\nBcc: eve@example.com\n";
        let templates = with_file("verify-email.subject.txt", template).expect("in order");
        let mail =
            templates.render(&verify_email("Ann\r\nCc: eve@example.com\u{b}")).expect("renders");
        assert_eq!(mail.subject, "For Ann Cc: eve@example.com Bcc: eve@example.com");
    }

    #[test]
    fn one_template_can_be_replaced() {
        let templates = with_file("verify-email.txt", "Link: {{ url }}").expect("in order");
        let mail = templates.render(&verify_email("Ann")).expect("renders");
        assert_eq!(mail.text, format!("Link: {URL}"));
        assert_eq!(mail.subject, "Confirm your e-mail address");
    }

    #[test]
    fn a_broken_template_stops_the_start() {
        for (file, source) in [
            ("verify-email.txt", "Hello {{ name "),
            ("verify-email.txt", "Hello {{ nmae }}"),
            ("layout.html", "{% block content"),
        ] {
            let error = with_file(file, source).err().expect("refused");
            assert!(format!("{error:#}").contains("the mail template"), "{error:#}");
        }
        assert!(Templates::load(Some(Path::new("/nonexistent"))).is_err());
    }

    #[test]
    fn every_sample_is_of_the_template_it_is_named_after() {
        for name in SAMPLE_NAMES {
            assert_eq!(sample(name).map(|template| template.name()), Some(name));
        }
    }
}
