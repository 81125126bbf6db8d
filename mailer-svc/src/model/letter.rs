//! What comes out of the queue, before it is believed.

use contract::mail::Mail;
use serde_json::Value;

/// The message is no mail, so there is nobody to give a receipt to. Says why
/// without repeating what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("not a mail of this version: {category} error in column {column}")]
    Unreadable { category: &'static str, column: usize },
    #[error("its receipt subject is none")]
    ReceiptSubject,
}

pub fn read(payload: &[u8]) -> Result<Mail, Unfit> {
    let mail: Mail = serde_json::from_slice(payload).map_err(|error| unreadable(&error))?;
    if is_receipt_subject(&mail.receipt_subject) { Ok(mail) } else { Err(Unfit::ReceiptSubject) }
}

/// serde's own message would quote the value it stumbled over.
fn unreadable(error: &serde_json::Error) -> Unfit {
    let category = match error.classify() {
        serde_json::error::Category::Io => "reading",
        serde_json::error::Category::Syntax => "syntax",
        serde_json::error::Category::Data => "data",
        serde_json::error::Category::Eof => "length",
    };
    Unfit::Unreadable { category, column: error.column() }
}

/// `^[a-z]+\.v1\.mail-receipt$`: a mail must not make us call anything else.
fn is_receipt_subject(subject: &str) -> bool {
    subject.strip_suffix(".v1.mail-receipt").is_some_and(|owner| {
        !owner.is_empty() && owner.bytes().all(|byte| byte.is_ascii_lowercase())
    })
}

/// A text field of a message that is no mail, for whoever looks into it.
#[must_use]
pub fn trace(payload: &[u8], field: &str) -> Option<String> {
    let message: Value = serde_json::from_slice(payload).ok()?;
    message.get(field)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &str = r#"{"id":"01990000-0000-7000-8000-000000000001","to":"ann@example.com",
        "receipt_subject":"SUBJECT","template":"TEMPLATE","data":{"name":"Ann"}}"#;

    fn read_with(subject: &str, template: &str) -> Result<Mail, Unfit> {
        read(MAIL.replace("SUBJECT", subject).replace("TEMPLATE", template).as_bytes())
    }

    #[test]
    fn the_mails_of_the_contract_are_fit() {
        let golden: [&[u8]; 2] = [
            include_bytes!("../../../crates/contract/golden/mail.v1.send.json"),
            include_bytes!("../../../crates/contract/golden/mail.v1.send.password-recovered.json"),
        ];
        for mail in golden {
            assert!(read(mail).is_ok());
        }
    }

    #[test]
    fn a_receipt_goes_to_no_other_kind_of_subject() {
        assert!(read_with("identity.v1.mail-receipt", "password-recovered").is_ok());
        assert!(read_with("mfa.v1.mail-receipt", "password-recovered").is_ok());
        for subject in [
            "session.v1.revoke-user",
            ".v1.mail-receipt",
            "a.b.v1.mail-receipt",
            "*.v1.mail-receipt",
            "identity.v1.mail-receipt.more",
            "Identity.v1.mail-receipt",
            "a b.v1.mail-receipt",
        ] {
            assert_eq!(
                read_with(subject, "password-recovered"),
                Err(Unfit::ReceiptSubject),
                "{subject}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_repeated() {
        let unfit = read_with("identity.v1.mail-receipt", "hunter2").unwrap_err();
        assert!(matches!(unfit, Unfit::Unreadable { category: "data", .. }), "{unfit}");
        assert!(!unfit.to_string().contains("hunter2"), "{unfit}");
        assert_eq!(trace(b"{\"id\":\"7\"", "id"), None);
        assert_eq!(trace(b"{\"id\":\"7\"}", "id"), Some("7".into()));
    }
}
