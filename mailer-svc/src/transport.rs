//! Handing a message over: to a mail server, or to a folder.
//!
//! A server that refuses a mail for good must not be confused with one that
//! refuses *us* for good, by a wrong password for example: that would bury every
//! mail there is. So a refusal is only believed from a server that would take
//! other mails.

use std::{
    error::Error as StdError,
    path::{Path, PathBuf},
    time::Duration,
};

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{AsyncSmtpTransportBuilder, Error as SmtpError, PoolConfig},
};
use tokio::{fs, io::AsyncWriteExt, time::timeout};
use url::Url;
use uuid::Uuid;

/// How long the server may take for one command.
const COMMAND: Duration = Duration::from_secs(20);
/// How long a mail may take altogether.
const MAIL: Duration = Duration::from_mins(1);
/// Connections kept for the next mail.
const IDLE_CONNECTIONS: u32 = 8;

type Smtp = AsyncSmtpTransport<Tokio1Executor>;

/// Where mails go, as configured.
pub enum Destination {
    Smtp(Box<AsyncSmtpTransportBuilder>),
    Folder(PathBuf),
}

impl Destination {
    /// Reads `MAIL_TRANSPORT_URL`. A problem never repeats the URL, which may
    /// hold a password.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let url = Url::parse(url).map_err(|_| "expected smtps://, smtp:// or file:///")?;
        match url.scheme() {
            "smtp" | "smtps" => smtp(url).map(|builder| Self::Smtp(Box::new(builder))),
            "file" => {
                let folder = url.to_file_path();
                folder
                    .map(Self::Folder)
                    .map_err(|()| "expected an absolute path, as in file:///var/outbox")
            }
            _ => Err("expected smtps://, smtp:// or file:///"),
        }
    }
}

fn smtp(mut url: Url) -> Result<AsyncSmtpTransportBuilder, &'static str> {
    if url.host_str().is_none_or(str::is_empty) {
        return Err("expected a host");
    }
    if !url.username().is_empty() && url.password().is_none() {
        return Err("expected a password with the user");
    }
    let parameters: Vec<_> = url.query_pairs().into_owned().collect();
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    match (url.scheme(), parameters.as_slice()) {
        ("smtps", []) | ("smtp", [("tls", "required" | "opportunistic")]) => {}
        // lettre would speak plain text here, and so does a URL that does not say.
        ("smtp", []) => url.set_query(Some("tls=required")),
        ("smtp", [("tls", "none")]) => url.set_query(None),
        _ => {
            return Err(
                "expected no parameter but, with smtp://, tls=required, opportunistic or none",
            );
        }
    }
    let builder =
        Smtp::from_url(url.as_str()).map_err(|_| "expected smtp://user:password@host:port")?;
    Ok(builder.timeout(Some(COMMAND)).pool_config(PoolConfig::new().max_size(IDLE_CONNECTIONS)))
}

/// Why a mail was not taken. A `summary` is fit to log; a server's own words,
/// which often repeat the address, are only in `words`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Undelivered {
    ForNow { summary: String },
    Forever { summary: String, words: String },
}

pub enum Transport {
    Smtp(Smtp),
    Folder(PathBuf),
}

impl Transport {
    /// Connects when there is a mail. Needs the runtime to be there.
    #[must_use]
    pub fn open(destination: Destination) -> Self {
        match destination {
            Destination::Smtp(builder) => Self::Smtp(builder.build()),
            Destination::Folder(folder) => Self::Folder(folder),
        }
    }

    /// Returns once the other side has taken the mail.
    pub async fn deliver(&self, id: Uuid, message: &Message) -> Result<(), Undelivered> {
        match self {
            Self::Smtp(smtp) => send(smtp, message).await,
            Self::Folder(folder) => save(folder, id, &message.formatted()).await.map_err(|error| {
                Undelivered::ForNow { summary: format!("the folder cannot be written: {error}") }
            }),
        }
    }

    /// Whether a mail would be taken now, as far as that can be known without
    /// sending one: the server lets us sign in, or the folder can be written.
    pub async fn check(&self) -> Result<(), String> {
        match self {
            Self::Smtp(smtp) => match timeout(COMMAND, smtp.test_connection()).await {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false)) => Err("the server does not answer".to_owned()),
                Ok(Err(error)) => Err(summary(&error)),
                Err(_) => Err(format!("no answer within {COMMAND:?}")),
            },
            Self::Folder(folder) => {
                let draft = folder.join(format!(".{}", Uuid::now_v7().simple()));
                let written = async {
                    fs::create_dir_all(folder).await?;
                    fs::write(&draft, b"").await?;
                    fs::remove_file(&draft).await
                };
                written.await.map_err(|error| format!("the folder cannot be written: {error}"))
            }
        }
    }
}

async fn send(smtp: &Smtp, message: &Message) -> Result<(), Undelivered> {
    let bytes = message.formatted();
    let error = match timeout(MAIL, smtp.send_raw(message.envelope(), &bytes)).await {
        Ok(Ok(_)) => return Ok(()),
        Ok(Err(error)) => error,
        Err(_) => {
            return Err(Undelivered::ForNow { summary: format!("it took longer than {MAIL:?}") });
        }
    };
    let summary = summary(&error);
    if is_about_the_mail(&error) && takes_others(smtp).await {
        let words = error.source().map(ToString::to_string).unwrap_or_default();
        return Err(Undelivered::Forever { summary, words });
    }
    Err(Undelivered::ForNow { summary })
}

/// Whether a refusal for good can mean this mail. Replies from 500 to 549 are
/// about commands and signing in (RFC 5321, 4.2.3; RFC 4954, 6), and some of the
/// others are about the sender, which is the same for all mails (RFC 3463, 3.2).
fn is_about_the_mail(error: &SmtpError) -> bool {
    let code: Option<u16> = error.status().map(Into::into);
    let words = error.source().map(ToString::to_string).unwrap_or_default();
    let about_the_sender = words.starts_with("5.1.7") || words.starts_with("5.1.8");
    error.is_permanent() && code.is_some_and(|code| code >= 550) && !about_the_sender
}

/// A server that greets us and lets us sign in.
async fn takes_others(smtp: &Smtp) -> bool {
    matches!(timeout(MAIL, smtp.test_connection()).await, Ok(Ok(true)))
}

fn summary(error: &SmtpError) -> String {
    match error.status() {
        Some(code) => format!("the server answered {code}"),
        None if error.is_response() => "the server's answer is unreadable".to_owned(),
        None => error.to_string(),
    }
}

/// Readers of the folder never see half a mail, and a mail that is saved again
/// takes its own place.
async fn save(folder: &Path, id: Uuid, message: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder).await?;
    let draft = folder.join(format!(".{id}.{}", Uuid::now_v7().simple()));
    let mut file =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft).await?;
    file.write_all(message).await?;
    file.sync_all().await?;
    fs::rename(&draft, folder.join(format!("{id}.eml"))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(url: &str) -> Option<&'static str> {
        Destination::parse(url).err()
    }

    fn builder(url: &str) -> String {
        match Destination::parse(url) {
            Ok(Destination::Smtp(builder)) => format!("{builder:?}"),
            Ok(Destination::Folder(folder)) => panic!("{}", folder.display()),
            Err(problem) => panic!("{problem}"),
        }
    }

    #[test]
    fn without_a_word_about_it_tls_is_required() {
        assert!(builder("smtp://mail.example.com").contains("tls: Required"));
        assert!(builder("smtp://mail.example.com").contains("port: 587"));
        assert!(builder("smtps://ann:pw@mail.example.com").contains("tls: Wrapper"));
        assert!(
            builder("smtp://mail.example.com?tls=opportunistic").contains("tls: Opportunistic")
        );
        assert!(builder("smtp://localhost:25?tls=none").contains("tls: None"));
    }

    #[test]
    fn a_folder_is_an_absolute_path() {
        let Ok(Destination::Folder(folder)) = Destination::parse("file:///tmp/my%20stack/outbox")
        else {
            panic!("no folder");
        };
        assert_eq!(folder, Path::new("/tmp/my stack/outbox"));
        assert!(problem("file://elsewhere/outbox").is_some());
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for url in [
            "",
            "mail.example.com",
            "http://mail.example.com",
            "smtp://ann@mail.example.com",
            "smtp://mail.example.com?tls=yes",
            "smtp://mail.example.com?tls=none&tls=required",
            "smtps://mail.example.com?tls=none",
            "smtp:///path",
        ] {
            assert!(problem(url).is_some(), "{url:?}");
        }
    }

    #[tokio::test]
    async fn a_mail_saved_twice_is_one_file() {
        let dir = tempfile::tempdir().expect("a folder");
        let folder = dir.path().join("outbox");
        for text in ["first", "second"] {
            save(&folder, Uuid::nil(), text.as_bytes()).await.expect("saves");
        }
        let files: Vec<_> = std::fs::read_dir(&folder).expect("reads").collect();
        assert_eq!(files.len(), 1);
        let text =
            std::fs::read_to_string(folder.join(format!("{}.eml", Uuid::nil()))).expect("reads");
        assert_eq!(text, "second");
    }
}
