//! A rendered mail becomes a message with headers.

use std::time::{Duration, SystemTime};

use auth_types::Timestamp;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
};
use uuid::Uuid;

use crate::render::Rendered;

/// Why there can be no such message.
#[derive(Debug, thiserror::Error)]
pub enum NoMessage {
    #[error("the recipient is no address")]
    Recipient,
    #[error("the message cannot be built")]
    Message(#[from] lettre::error::Error),
}

/// The id names the message as well, so that a mail server that was handed it
/// twice can tell. Nothing in a header but the subject comes from a template.
pub fn compose(
    from: &Mailbox,
    to: &str,
    id: Uuid,
    mail: Rendered,
    now: Timestamp,
) -> Result<Message, NoMessage> {
    let message = Message::builder()
        .message_id(Some(format!("<{id}@stellar-auth>")))
        .date(system_time(now))
        .from(from.clone())
        .to(Mailbox::new(None, recipient(to)?))
        .subject(mail.subject)
        .raw_header(auto_submitted())
        .multipart(MultiPart::alternative_plain_html(mail.text, mail.html))?;
    Ok(message)
}

/// Addresses are ASCII here as everywhere in the contract; few servers take others.
fn recipient(to: &str) -> Result<Address, NoMessage> {
    let plain = to.is_ascii() && !to.bytes().any(|byte| byte.is_ascii_control() || byte == b' ');
    if plain { to.parse().map_err(|_| NoMessage::Recipient) } else { Err(NoMessage::Recipient) }
}

/// Asks holiday notices not to answer (RFC 3834).
fn auto_submitted() -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str("Auto-Submitted"), "auto-generated".to_owned())
}

fn system_time(now: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(now.unix_millis().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use auth_types::{Clock, SystemClock};

    use super::*;

    fn compose_to(to: &str, subject: &str) -> Result<String, NoMessage> {
        let from = "Panel <no-reply@example.com>".parse().expect("a mailbox");
        let mail =
            Rendered { subject: subject.into(), text: "Hello".into(), html: "<p>Hello</p>".into() };
        let message = compose(&from, to, Uuid::nil(), mail, SystemClock.now())?;
        Ok(String::from_utf8(message.formatted()).expect("ASCII"))
    }

    fn headers(message: &str) -> &str {
        message.split_once("\r\n\r\n").expect("headers and a body").0
    }

    #[test]
    fn a_message_has_both_parts_and_its_own_id() {
        let message = compose_to("ann@example.com", "Confirm your address").expect("a message");
        for line in [
            "Message-ID: <00000000-0000-0000-0000-000000000000@stellar-auth>\r\n",
            "From: Panel <no-reply@example.com>\r\n",
            "To: ann@example.com\r\n",
            "Subject: Confirm your address\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "MIME-Version: 1.0\r\n",
            "Date: ",
            "Content-Type: multipart/alternative;",
            "Content-Type: text/plain; charset=utf-8\r\n",
            "Content-Type: text/html; charset=utf-8\r\n",
        ] {
            assert!(message.contains(line), "{line:?} in {message}");
        }
    }

    #[test]
    fn a_recipient_cannot_add_headers_or_recipients() {
        for to in [
            "ann@example.com\r\nBcc: eve@example.com",
            "ann@example.com\nBcc: eve@example.com",
            "ann@example.com, eve@example.com",
            "<ann@example.com>",
            "ann@example.com>\r\nDATA",
            "ann",
            "",
        ] {
            assert!(matches!(compose_to(to, "Hello"), Err(NoMessage::Recipient)), "{to:?}");
        }
    }

    #[test]
    fn a_subject_outside_ascii_is_encoded() {
        let message = compose_to("ann@example.com", "Grüße").expect("a message");
        assert!(headers(&message).is_ascii());
        assert!(headers(&message).contains("Subject: =?utf-8?b?"), "{message}");
    }
}
