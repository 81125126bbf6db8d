//! Mails, read where the local stack puts them.

use std::path::Path;

use crate::wait::eventually;

/// The first mail to this address, once it is there.
pub async fn mail_to(outbox: &Path, email: &str) -> String {
    let found = eventually(|| async { mails_to(outbox, email).pop() });
    found.await.unwrap_or_else(|| panic!("no mail to {email} arrived in {}", outbox.display()))
}

/// All mails to this address that are there now.
#[must_use]
pub fn mails_to(outbox: &Path, email: &str) -> Vec<String> {
    let files = std::fs::read_dir(outbox).into_iter().flatten();
    let mails = files.filter_map(|file| std::fs::read_to_string(file.ok()?.path()).ok());
    let is_to = |line: &str| line.starts_with("To:") && line.contains(email);
    mails.filter(|mail| mail.lines().any(is_to)).collect()
}

/// Mails to this address under this subject, oldest first, once there are so many.
pub async fn mails_about(outbox: &Path, email: &str, subject: &str, count: usize) -> Vec<String> {
    let line = format!("Subject: {subject}");
    let about = || {
        let mails = mails_to(outbox, email).into_iter();
        let mut mails: Vec<_> =
            mails.filter(|mail| mail.lines().any(|header| header == line)).collect();
        mails.sort_by_key(|mail| message_id(mail).to_owned());
        (mails.len() >= count).then_some(mails)
    };
    let found = eventually(|| async { about() }).await;
    found.unwrap_or_else(|| {
        panic!("no {count} mail(s) {subject:?} to {email} in {}", outbox.display())
    })
}

/// The newest mail to this address under this subject, once there is one.
pub async fn mail_about(outbox: &Path, email: &str, subject: &str) -> String {
    mails_about(outbox, email, subject, 1).await.pop().expect("one at least")
}

/// Ids sort by when the mail was promised.
fn message_id(mail: &str) -> &str {
    mail.lines().find_map(|line| line.strip_prefix("Message-ID: ")).unwrap_or_default()
}

/// The path and query of the first link in a mail.
#[must_use]
pub fn path_in(mail: &str) -> String {
    let link = link_in(mail);
    let path = link.find("/api/").unwrap_or_else(|| panic!("{link} is not ours"));
    link[path..].to_owned()
}

/// The first link in a mail.
#[must_use]
pub fn link_in(mail: &str) -> String {
    let text = text_of(mail);
    let link = text.split_whitespace().find(|word| word.starts_with("http"));
    link.unwrap_or_else(|| panic!("no link in {mail}")).to_owned()
}

/// What a mail says in plain text.
#[must_use]
pub fn text_of(mail: &str) -> String {
    let mail = mailparse::parse_mail(mail.as_bytes()).expect("a mail");
    let plain = mail.parts().find(|part| part.ctype.mimetype == "text/plain");
    plain.expect("a plain part").get_body().expect("it decodes")
}
